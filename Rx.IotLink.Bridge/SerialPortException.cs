namespace Rx.IotLink.Bridge;

/// <summary>Why a serial port cannot be used.</summary>
public enum SerialPortFault
{
    /// <summary>There is no such port: it is not plugged in, or the name is wrong.</summary>
    Missing,

    /// <summary>Another program has it, or this user may not use it.</summary>
    Denied,

    /// <summary>It is no serial port, or cannot do what is asked, such as the baud rate.</summary>
    Unusable,

    /// <summary>It was in use and is gone, as when a USB adapter is unplugged.</summary>
    Lost,
}

/// <summary>A serial port cannot be opened, or is gone. The message names the port.</summary>
public sealed class SerialPortException : IOException
{
    internal SerialPortException(string portName, SerialPortFault fault, string message, Exception? inner)
        : base(message, inner) => (PortName, Fault) = (portName, fault);

    /// <summary>The port.</summary>
    public string PortName { get; }

    /// <summary>What is wrong with it.</summary>
    public SerialPortFault Fault { get; }
}
