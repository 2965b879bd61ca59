using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Bridge;

namespace Rx.IotLink.Cli;

/// <summary>The serial port of a command.</summary>
internal static class SerialPorts
{
    /// <summary>
    /// A port that can be opened, or that is missing and may be plugged in. One that another program has, or that is no
    /// serial port, is an error at the start: to wait for it helps nobody.
    /// </summary>
    public static async Task<SerialTransport> CheckAsync(string name, int baudRate)
    {
        var port = new SerialTransport(name, baudRate);
        try
        {
            (await port.Connect().ToTask().ConfigureAwait(false)).Dispose();
        }
        catch (SerialPortException fault) when (fault.Fault != SerialPortFault.Missing)
        {
            throw new UsageException(fault.Message);
        }
        catch (SerialPortException)
        {
            // It is opened as soon as it is there.
        }

        return port;
    }
}
