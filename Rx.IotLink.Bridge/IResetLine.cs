namespace Rx.IotLink.Bridge;

/// <summary>
/// The wire from the host to the reset pin of the bridge: RTS or DTR of the serial port
/// (<see cref="SerialTransport.Rts"/>, <see cref="SerialTransport.Dtr"/>), or a pin of your own.
/// </summary>
public interface IResetLine
{
    /// <summary>
    /// Holds the bridge in reset, or lets it run. Called for a pulse of 200 ms; it must return at once. What it throws
    /// appears in <see cref="BridgeTransport.Status"/>.
    /// </summary>
    /// <param name="isHeld">Whether the bridge is held in reset.</param>
    void Set(bool isHeld);
}
