using System;
using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano.Flash
{
    /// <summary>
    /// Keeps the outbox on the flash, and writes as seldom as it can: when a line has waited for long, when the last
    /// such line is accepted, and when numbers begin anew. The pump's thread calls it; nothing of the flash is called
    /// under the gate.
    /// </summary>
    internal sealed class Keeper
    {
        // After a write that failed.
        private const int RetryMs = 10000;

        private readonly FlashLog log;
        private readonly int keepAfterMs;
        private readonly KeptState state = new KeptState();
        private LinkCore core;

        // What the flash says; it says nothing before the first write.
        private bool hasState;
        private bool hasEpoch;
        private ulong epoch;
        private int count;
        private ulong goesOnAt;

        // Of the lines on the flash the last is gone from the outbox when so many were removed from it.
        private int keptUpTo;

        // How often a line was taken out of the middle, and up to which time the flash knows it.
        private int changes;
        private int keptChanges;

        // Whether a write has ended half-way: what the flash says then is known only when all is written anew.
        private bool isBroken;

        private bool isAsked;
        private int unkept;
        private long unkeptSince = -1;
        private long quietUntil;

        public Keeper(FlashLog log, int keepAfterMs)
        {
            this.log = log;
            this.keepAfterMs = keepAfterMs;
        }

        /// <summary>Gives the session what was kept. The threads do not run yet.</summary>
        public void Begin(LinkCore owner)
        {
            core = owner;
            KeptState found = log.Found;
            if (found == null)
            {
                if (log.IsForeign)
                    core.Note("what is on the flash is damaged, or of another device: it is left out");
                return;
            }

            Session session = core.Session;
            int lines = log.Load(session);
            log.Forget();
            if (found.HasEpoch)
                session.Recover(found.Epoch, found.First, found.Numbered < lines ? found.Numbered : lines, found.KnowsPeer, found.PeerEpoch, found.Accepted, found.Connections);
            hasState = true;
            hasEpoch = found.HasEpoch;
            epoch = found.Epoch;
            count = keptUpTo = lines;
            core.Note(lines.ToString() + " lines were kept on the flash");
        }

        /// <summary>The longest line that a batch holds.</summary>
        public int MaxLine
        {
            get { return core.Session.Output.Length - FlashLog.Overhead - 2; }
        }

        /// <summary>Lines that wait, and are on the flash.</summary>
        public int Kept
        {
            get
            {
                LineRing lines = core.Session.Outbox;
                int kept = keptUpTo - lines.Removed;
                return kept < 0 || changes != keptChanges ? 0 : kept < lines.Count ? kept : lines.Count;
            }
        }

        /// <summary>Whether what was asked for is not done yet; it ends, too, when it failed.</summary>
        public bool IsAsked
        {
            get { return isAsked; }
        }

        /// <summary>Keeps what waits now.</summary>
        public void Ask()
        {
            isAsked = true;
        }

        /// <summary>A line was taken out of the middle: the numbers of those behind it have changed.</summary>
        public void Changed()
        {
            changes++;
        }

        /// <summary>
        /// Whether something must be on the flash before anything is sent: else a line would have another number after
        /// a restart.
        /// </summary>
        public bool IsBehind(long now)
        {
            if (!hasState || now < quietUntil)
                return false;
            return changes != keptChanges || (core.Session.HasEpoch && (!hasEpoch || epoch != core.Session.Epoch));
        }

        /// <summary>Writes what is due.</summary>
        public void Step(long now)
        {
            try
            {
                while (true)
                {
                    bool numbers = false;
                    bool lines = true;
                    bool begins = isBroken || log.MustBegin;
                    lock (core.Gate)
                    {
                        if (core.Session.CanGoOn && (now >= quietUntil || Kept == 0))
                        {
                            numbers = Kept > 0 && !core.Session.IsForgotten;
                            if (!numbers || goesOnAt == core.Session.GoesOnAt)
                            {
                                core.Session.GoOn();
                                continue;
                            }
                        }

                        if (numbers || IsBehind(now))
                            begins = true;
                        else if (now < quietUntil && !isAsked)
                            return;
                        else if (!MustKeep(now))
                        {
                            if (!HasNews)
                                return;
                            lines = false;
                        }
                    }

                    Write(begins, lines, numbers);
                }
            }
            catch (OutOfMemoryException)
            {
                throw;
            }
            catch (Exception exception)
            {
                isAsked = false;
                quietUntil = now + RetryMs;
                core.Caught("the flash", exception);
            }
        }

        /// <summary>Whether a line has waited for so long, or the application asks.</summary>
        private bool MustKeep(long now)
        {
            LineRing lines = core.Session.Outbox;
            int kept = Kept;
            if (lines.Count == kept)
            {
                unkeptSince = -1;
                isAsked = false;
                return false;
            }

            if (unkeptSince < 0 || unkept != lines.Removed + kept)
            {
                // Another line is the oldest one that is not kept.
                unkept = lines.Removed + kept;
                unkeptSince = now;
            }

            return isAsked || now - unkeptSince >= keepAfterMs;
        }

        /// <summary>
        /// Whether the last kept line was accepted; or the server knows a memory that the flash does not.
        /// </summary>
        private bool HasNews
        {
            get
            {
                if (hasState)
                    return count > 0 && Kept == 0;
                return core.Session.Phase == Phase.Open;
            }
        }

        /// <summary>
        /// Writes lines behind those on the flash, or all of them into another area; there they count when all are
        /// there.
        /// </summary>
        private void Write(bool begins, bool withLines, bool numbers)
        {
            Session session = core.Session;
            LineRing lines = session.Outbox;
            bool copies = begins;
            bool isLast = false;
            isBroken = true;
            int upTo = keptUpTo;
            int seen = changes;
            while (!isLast)
            {
                lock (core.Gate)
                {
                    if (seen != changes)
                        begins = copies = true;
                    seen = changes;
                    int held = begins || upTo - lines.Removed < 0 ? 0 : upTo - lines.Removed;
                    log.Begin(session.Output);
                    while (withLines && held < lines.Count && log.Add(lines.Bytes, lines.Start(held), lines.Length(held)))
                        held++;
                    isLast = !withLines || held == lines.Count;
                    Describe(session, held, numbers);
                    log.Seal(state);
                    upTo = lines.Removed + held;
                }

                if (!log.Write(begins, isLast))
                {
                    // It has no room for more.
                    begins = copies = true;
                    isLast = false;
                    continue;
                }

                begins = false;
                if (!copies || isLast)
                    Publish(upTo, seen, numbers);
            }

            isBroken = false;
            core.Changed.Set();
        }

        private void Publish(int upTo, int seen, bool numbers)
        {
            lock (core.Gate)
            {
                keptUpTo = upTo;
                keptChanges = seen;
                hasState = true;
                hasEpoch = state.HasEpoch;
                epoch = state.Epoch;
                count = state.Count;
                goesOnAt = numbers ? state.First : 0;
            }
        }

        private void Describe(Session session, int held, bool numbers)
        {
            int numbered = numbers ? held : session.Numbered;
            state.HasEpoch = session.HasEpoch;
            state.Epoch = session.Epoch;
            state.First = numbers ? session.GoesOnAt : session.First;
            state.Numbered = numbered < held ? numbered : held;
            state.Count = held;
            state.KnowsPeer = session.KnowsPeer;
            state.PeerEpoch = session.PeerEpoch;
            state.Accepted = session.Accepted;
            state.Connections = session.Connections;
        }
    }
}
