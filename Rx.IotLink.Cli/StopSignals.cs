using System.Reactive;
using System.Reactive.Subjects;
using System.Runtime.InteropServices;

namespace Rx.IotLink.Cli;

/// <summary>
/// Ctrl-C and SIGTERM: the first asks the command to drain and leave, the second leaves at once. SIGHUP asks a command
/// that observes <see cref="Hangups"/> to read its files again, and asks any other to drain and leave; it does so
/// however often it comes, since a terminal that closes sends it more than once.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private static readonly int[] Standard = [0, 1, 2];
    private readonly CancellationTokenSource stop = new();
    private readonly Subject<Unit> hangups = new();
    private readonly PosixSignalRegistration[] registrations;
    private readonly bool ignoresHangup;
    private readonly int[] terminals;
    private int count;

    public StopSignals()
    {
        // Before the registrations, which put a handler in the place of what was there.
        ignoresHangup = !OperatingSystem.IsWindows() && Posix.IsHangupIgnored();
        terminals = OperatingSystem.IsWindows() ? [] : [.. Standard.Where(Posix.IsTerminal)];
        Hangups = Subject.Synchronize(hangups);
        registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnHangup),
        ];
    }

    public CancellationToken Token => stop.Token;

    /// <summary>
    /// A value for each SIGHUP that does not mean that the terminal is gone. Observe it elsewhere: it comes on the
    /// thread that hears of signals.
    /// </summary>
    public ISubject<Unit> Hangups { get; }

    public void Dispose()
    {
        foreach (var registration in registrations)
            registration.Dispose();
    }

    // On Windows it is the console that closes; nothing keeps the process alive then.
    private bool TerminalIsGone => OperatingSystem.IsWindows() || (terminals.Length > 0 && !terminals.Any(Posix.IsTerminal));

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref count) > 1)
            Environment.Exit(ExitCode.Interrupted);
        Stop();
    }

    private void OnHangup(PosixSignalContext context)
    {
        context.Cancel = true;
        if (hangups.HasObservers && (ignoresHangup || !TerminalIsGone))
            Hangups.OnNext(Unit.Default);
        else if (!ignoresHangup)
            Stop();
    }

    // Not here: what it sets off must not keep a second signal from being heard.
    private void Stop() => _ = stop.CancelAsync();
}
