using System.IO.Pipelines;
using System.Net;
using System.Reactive.Concurrency;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>A connection: a wire each way, and an end at each process.</summary>
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

    /// <summary>Breaks it; both ends are told.</summary>
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
    /// An end's process is no more, its machine is: the other end is told by a reset, a little later.
    /// </summary>
    public void Die(End dead)
    {
        dead.Incoming.Forget();
        TellReset(dead.Outgoing);
    }

    /// <summary>An end's machine is off: nobody tells anybody, until it is back and something comes for it.</summary>
    public void Orphan(End dead)
    {
        dead.Incoming.IsOrphaned = true;
        // Nothing more comes from it, and an end that has been released notices nothing.
        if ((dead == Client ? Server : Client).IsReleased)
            dead.Outgoing.Forget();
        if (!dead.Outgoing.IsOrphaned)
            return;
        // Neither end is left that could ever notice.
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

        /// <summary>Whether its process has let it go.</summary>
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
            // Nothing comes from a machine that lost its power, not even an end.
            if (outgoing.IsOrphaned)
                incoming.Forget();
        }
    }
}
