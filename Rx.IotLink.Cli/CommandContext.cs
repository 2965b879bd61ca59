using System.Reactive;
using System.Reactive.Concurrency;

namespace Rx.IotLink.Cli;

/// <summary>The environment of a command, from its process or from a test.</summary>
/// <param name="Input">Bytes, not text: invalid UTF-8 is reported, never replaced.</param>
/// <param name="ReadsJson">Whether the lines of the input are JSON, like those of the output.</param>
/// <param name="Output">Takes lines and events.</param>
/// <param name="Scheduler">The clock of the links and of every bound.</param>
/// <param name="Hangups">A value for each SIGHUP; a command that does not observe it is asked to stop instead.</param>
/// <param name="Stop">Cancelled by the first Ctrl-C or SIGTERM: time to drain and leave.</param>
internal sealed record CommandContext(Stream Input, bool ReadsJson, Output Output, IScheduler Scheduler, IObservable<Unit> Hangups, CancellationToken Stop);
