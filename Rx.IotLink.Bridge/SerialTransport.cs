using System.IO.Pipelines;
using System.IO.Ports;
using System.Net;
using System.Reactive.Linq;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Bridge;

/// <summary>
/// A serial port as a transport: 8 data bits, no parity, 1 stop bit, no flow control. Each connection opens the port;
/// it fails with a <see cref="SerialPortException"/>, and when the port is gone.
/// </summary>
public sealed class SerialTransport : ITransport
{
    // ENOTTY on Linux and macOS.
    private const int NoTerminal = 25;

    // EBUSY, which a port that another program has taken for itself gives.
    private const int Busy = 16;

    private SerialConnection? open;

    /// <summary>A port, as <c>/dev/ttyUSB0</c> or <c>COM3</c>.</summary>
    /// <param name="portName">Its name.</param>
    /// <param name="baudRate">Bits a second. Default 115,200; 300 to 10,000,000.</param>
    public SerialTransport(string portName, int baudRate = 115_200)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(portName);
        if (baudRate is < 300 or > 10_000_000)
            throw new ArgumentOutOfRangeException(nameof(baudRate), baudRate, $"The baud rate must be from 300 to 10,000,000, not {baudRate}.");
        (PortName, BaudRate) = (portName, baudRate);
        Rts = new ModemLine(this, (port, isHeld) => port.RtsEnable = isHeld);
        Dtr = new ModemLine(this, (port, isHeld) => port.DtrEnable = isHeld);
    }

    /// <summary>The name of the port.</summary>
    public string PortName { get; }

    /// <summary>Bits a second.</summary>
    public int BaudRate { get; }

    /// <summary>The port's RTS output as a reset line: held in reset while RTS is asserted (low on the wire).</summary>
    public IResetLine Rts { get; }

    /// <summary>The port's DTR output, likewise.</summary>
    public IResetLine Dtr { get; }

    /// <inheritdoc/>
    public IObservable<IConnection> Connect() => Observable.Defer(() => Observable.Return<IConnection>(Open()));

    private SerialConnection Open()
    {
        var port = new SerialPort(PortName, BaudRate, Parity.None, 8, StopBits.One) { Handshake = Handshake.None };
        try
        {
            port.Open();
            var connection = new SerialConnection(this, port);
            Volatile.Write(ref open, connection);
            return connection;
        }
        catch (Exception exception)
        {
            port.Dispose();
            throw exception switch
            {
                _ when !Exists => Failed(SerialPortFault.Missing, "does not exist", exception),
                UnauthorizedAccessException { InnerException.HResult: NoTerminal } => Failed(SerialPortFault.Unusable, "is no serial port", exception),
                UnauthorizedAccessException or IOException { HResult: Busy } => Failed(SerialPortFault.Denied, "is in use by another program, or this user may not use it", exception),
                _ => Failed(SerialPortFault.Unusable, $"cannot be used at {BaudRate} baud: {exception.Message}", exception),
            };
        }
    }

    private bool Exists => OperatingSystem.IsWindows()
        ? SerialPort.GetPortNames().Contains(PortName, StringComparer.OrdinalIgnoreCase)
        : File.Exists(PortName);

    private SerialPortException Failed(SerialPortFault fault, string what, Exception? inner) =>
        new(PortName, fault, $"The serial port {PortName} {what}.", inner);

    private sealed class ModemLine(SerialTransport transport, Action<SerialPort, bool> set) : IResetLine
    {
        public void Set(bool isHeld)
        {
            var connection = Volatile.Read(ref transport.open) ?? throw transport.Failed(SerialPortFault.Lost, "is not open, so it cannot reset the bridge", null);
            set(connection.Port, isHeld);
        }
    }

    /// <summary>The open port.</summary>
    private sealed class SerialConnection : IConnection
    {
        private readonly SerialTransport transport;

        public SerialConnection(SerialTransport transport, SerialPort port)
        {
            (this.transport, Port) = (transport, port);
            Input = PipeReader.Create(port.BaseStream, new StreamPipeReaderOptions(leaveOpen: true));
            Output = PipeWriter.Create(port.BaseStream, new StreamPipeWriterOptions(leaveOpen: true));
        }

        public SerialPort Port { get; }

        public PipeReader Input { get; }

        public PipeWriter Output { get; }

        public EndPoint? RemoteEndPoint => null;

        public void Dispose()
        {
            Interlocked.CompareExchange(ref transport.open, null, this);
            try
            {
                Port.Dispose();
            }
            catch (IOException)
            {
                // An adapter that is unplugged cannot be closed in order.
            }
        }
    }
}
