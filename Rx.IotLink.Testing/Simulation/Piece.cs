namespace Rx.IotLink.Testing.Simulation;

/// <summary>Bytes on their way.</summary>
/// <param name="Due">When they arrive.</param>
/// <param name="Bytes">What; empty is the end (FIN).</param>
/// <param name="Alone">Whether its reader is given it before the next, though both may arrive at the same time.</param>
internal readonly record struct Piece(DateTimeOffset Due, ReadOnlyMemory<byte> Bytes, bool Alone);
