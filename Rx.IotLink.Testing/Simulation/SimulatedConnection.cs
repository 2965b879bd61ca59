using System.IO.Pipelines;
using System.Net;
using System.Reactive.Concurrency;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>A connection: one wire in each direction, and one end at each process.</summary>
internal sealed class SimulatedConnection
{
    private readonly SimulatedPath path;

    public SimulatedConnection(SimulatedPath path)
    {
        this.path = path;
        (Up, Down) = (new Wire(path, StallDirection.Up), new Wire(path, StallDirection.Down));
        Client = new End(Down, Up, path);
        Server = new End(Up, Down, path);
        Up.Over += () => path.Tidy(this);
        Down.Over += () => path.Tidy(this);
        Up.Unreachable += () => ResetBy(Server);
        Down.Unreachable += () => ResetBy(Client);
    }

    /// <summary>From the device to the server.</summary>
    public Wire Up { get; }

    /// <summary>From the server to the device.</summary>
    public Wire Down { get; }

    public End Client { get; }

    public End Server { get; }

    public bool IsOver => Up.IsOver && Down.IsOver;

    /// <summary>Breaks it; both ends see it.</summary>
    public void Kill(bool reset, bool losesTail)
    {
        foreach (var wire in new[] { Up, Down })
        {
            if (losesTail || reset)
                wire.Cut(reset ? new IOException("reset by the simulated network") : null);
            else
                wire.End();
        }
    }

    /// <summary>
    /// The process of one end has ended, its machine still runs: the other end gets a reset, a little later.
    /// </summary>
    public void Die(End dead)
    {
        dead.Incoming.Forget();
        TellReset(dead.Outgoing);
    }

    /// <summary>
    /// The machine of one end is off: the other end gets no message, until the machine is back and bytes come for it.
    /// </summary>
    public void Orphan(End dead)
    {
        dead.Incoming.IsOrphaned = true;
        // It sends nothing more, and an end that was released notices nothing.
        if ((dead == Client ? Server : Client).IsReleased)
            dead.Outgoing.Forget();
        if (!dead.Outgoing.IsOrphaned)
            return;
        // No end is left that could notice.
        Up.Forget();
        Down.Forget();
    }

    public void Resume()
    {
        Up.Resume();
        Down.Resume();
    }

    private void ResetBy(End gone)
    {
        if (gone.IsOff)
            return;
        gone.Incoming.Forget();
        TellReset(gone.Outgoing);
    }

    private void TellReset(Wire wire) => path.Clock.Schedule(path.Conditions.Latency, () => wire.Cut(new IOException("reset by the simulated peer")));

    /// <summary>One end.</summary>
    internal sealed class End(Wire incoming, Wire outgoing, SimulatedPath path) : IConnection
    {
        public Wire Incoming => incoming;

        public Wire Outgoing => outgoing;

        /// <summary>Whether its machine has no power.</summary>
        public bool IsOff { get; set; }

        /// <summary>Whether its process has released it.</summary>
        public bool IsReleased { get; private set; }

        public PipeReader Input => incoming.Reader;

        public PipeWriter Output => outgoing.Writer;

        public EndPoint? RemoteEndPoint => path.EndPoint;

        public void Dispose()
        {
            if (IsReleased)
                return;
            IsReleased = true;
            incoming.LeaveReader();
            incoming.Reader.CancelPendingRead();
            outgoing.Writer.Complete();
            // A machine without power sends nothing, not even an end.
            if (outgoing.IsOrphaned)
                incoming.Forget();
        }
    }
}
