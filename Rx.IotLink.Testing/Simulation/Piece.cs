namespace Rx.IotLink.Testing.Simulation;

/// <summary>Bytes on their way.</summary>
/// <param name="Due">When they arrive.</param>
/// <param name="Bytes">What; empty is the end (FIN).</param>
internal readonly record struct Piece(DateTimeOffset Due, byte[] Bytes);
