namespace Rx.IotLink.Testing.Tcp;

/// <summary>A fault as it was done: the proxy's own record.</summary>
/// <param name="Proxy">The name of the proxy.</param>
/// <param name="At">
/// When, by <see cref="FaultProxyOptions.Stopwatch"/>. Taken before the fault is done, so that no effect of it is
/// earlier.
/// </param>
/// <param name="Connections">
/// How many connections it hit. Those that came later, while it lasted, are not counted.
/// </param>
/// <param name="Fault">What was done.</param>
public sealed record FaultRecord(string Proxy, TimeSpan At, int Connections, TcpFault Fault);
