namespace Rx.IotLink.Testing.Tcp;

/// <summary>The proxy's record of a fault.</summary>
/// <param name="Proxy">The name of the proxy.</param>
/// <param name="At">
/// The time, by <see cref="FaultProxyOptions.Stopwatch"/>. Taken before the fault begins, so that no effect is earlier.
/// </param>
/// <param name="Connections">
/// How many connections it affected. Connections that came later, while it lasted, do not count.
/// </param>
/// <param name="Fault">The fault.</param>
public sealed record FaultRecord(string Proxy, TimeSpan At, int Connections, TcpFault Fault);
