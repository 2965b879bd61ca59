namespace Rx.IotLink.Testing.Simulation;

/// <summary>Bytes on their way.</summary>
/// <param name="Due">When they arrive.</param>
/// <param name="Bytes">The bytes; empty is the end (FIN).</param>
/// <param name="Alone">Whether the reader gets it before the next piece, even if both arrive at the same time.</param>
internal readonly record struct Piece(DateTimeOffset Due, ReadOnlyMemory<byte> Bytes, bool Alone);
