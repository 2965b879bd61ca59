using System.Reactive;
using System.Reactive.Concurrency;
using Rx.IotLink;
using Rx.IotLink.Testing;

namespace Soak;

/// <summary>
/// An application that accepts lines itself, or processes them: it has a table of the names of the lines that are done,
/// which outlives its process, and so does each line once.
/// </summary>
/// <param name="setting">The world.</param>
/// <param name="releases">Makes observers.</param>
/// <param name="violation">Takes complaints.</param>
/// <param name="done">Called when the work for a line is done, once for each name.</param>
internal sealed class LineApplication(Setting setting, ReleaseWatch releases, Action<string> violation, Action<string> done)
{
    private const int MaxAttempts = 3;

    private readonly HashSet<LineId> table = [];

    /// <summary>
    /// Observes the lines of a link. Each takes some time of its own, and is accepted when its work is done.
    /// </summary>
    public IDisposable Receive(ILink link, SimulatedMachine machine, IScheduler clock, Random random, Func<string, long?> orderOf)
    {
        var last = -1L;
        return machine.Breakable(link.Received).Subscribe(releases.Observer<ReceivedLine>("received lines", line =>
        {
            if (orderOf(line.Text) is { } number && setting.Protocol == 2)
            {
                if (number <= last)
                    violation($"{link.Id}: line {number} was handed out after line {last}");
                last = number;
            }

            if (line.Delivery == Delivery.BestEffort)
                Accept();
            else
                clock.Schedule(TimeSpan.FromMilliseconds(random.Next(4) * 50), Accept);

            void Accept()
            {
                Do(line);
                line.Accept();
            }
        }));
    }

    /// <summary>Runs a handler for each line; what fails too often becomes a dead letter.</summary>
    public IDisposable Process(ILink link, SimulatedMachine machine, bool hasDeadLetters)
    {
        var dead = new HashSet<LineId>();
        return link.Process(
            machine.Breakable((line, _) =>
            {
                if (dead.Contains(line.Line))
                    violation($"{link.Id}: the dead letter {line.Line} was processed, too");
                Do(line);
                return Task.CompletedTask;
            }),
            new ProcessOptions
            {
                HandlerTimeout = TimeSpan.FromSeconds(2),
                BackOff = new BackOff { Initial = TimeSpan.FromMilliseconds(100), Cap = TimeSpan.FromSeconds(2) },
                MaxAttempts = MaxAttempts,
                DeadLetters = hasDeadLetters ? (letter, _) => Bury(letter) : null,
            });

        Task Bury(DeadLetter letter)
        {
            if (letter.Attempts != MaxAttempts)
                violation($"{link.Id}: {letter.Line.Line} became a dead letter after {letter.Attempts} attempts");
            dead.Add(letter.Line.Line);
            Do(letter.Line);
            return Task.CompletedTask;
        }
    }

    private void Do(ReceivedLine line)
    {
        if (table.Add(line.Line))
            done(line.Text);
    }
}

/// <summary>How an application takes its lines.</summary>
public enum LineReading
{
    /// <summary>It observes <see cref="ILink.Lines"/>.</summary>
    Lines,

    /// <summary>It observes <see cref="ILink.Received"/>, and accepts each line itself.</summary>
    Received,

    /// <summary>It processes them.</summary>
    Process,

    /// <summary>The same, with dead letters.</summary>
    DeadLetters,
}
