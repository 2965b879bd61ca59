using System.Reactive.Concurrency;

namespace Rx.IotLink.Cli;

/// <summary>What a command is given by the process it runs in, or by a test.</summary>
/// <param name="Input">Bytes, not text: what is not UTF-8 is told, never replaced.</param>
/// <param name="Output">Where lines and events go.</param>
/// <param name="Scheduler">The clock of the links and of every bound.</param>
/// <param name="Stop">Cancelled by the first Ctrl-C or SIGTERM: time to drain and leave.</param>
internal sealed record Session(Stream Input, Output Output, IScheduler Scheduler, CancellationToken Stop);
