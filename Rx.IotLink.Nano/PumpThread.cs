using System;
using Rx.IotLink.Nano.Flash;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// The thread that sends, and that watches: it gives connections up that do not come about or fall silent, feeds
    /// the watchdog while the link's thread is not stuck, and restarts the device in the end. It is the only one that
    /// fills and sends the session's output.
    /// </summary>
    internal sealed class PumpThread
    {
        private readonly LinkCore core;
        private INanoConnection sending;
        private INanoConnection broken;
        private bool ledIsOff;

        public PumpThread(LinkCore core)
        {
            this.core = core;
        }

        /// <remarks>It waits in this frame: each call below it would cost the device 200 bytes.</remarks>
        public void Run()
        {
            while (!core.LinkEnded)
            {
                try
                {
                    try
                    {
                        if (broken != null)
                        {
                            core.GiveUp(broken, "there was no memory");
                            broken = null;
                        }

                        core.CloseGivenUp();
                        core.PumpWake.WaitOne(Pause(), false);
                        Watch();
                        Send();
                    }
                    catch (Exception exception)
                    {
                        // Nothing more may be sent on it: what was sent last may be half of a line.
                        broken = sending;
                        core.GiveUp(broken, LinkCore.ReasonOf(exception));
                        broken = null;
                    }
                }
                catch (Exception)
                {
                    // There is no memory even for that: the next round begins with it.
                }
            }

            Stop();
        }

        private int Pause()
        {
            lock (core.Gate)
            {
                return core.PauseMs(LinkCore.Now);
            }
        }

        private void Watch()
        {
            long now = LinkCore.Now;
            string fault;
            INanoConnection current;
            bool heartbeat;
            bool up;
            lock (core.Gate)
            {
                core.Session.Elapse(now);
                fault = core.FaultOf(now);
                current = core.Current;
                heartbeat = core.TakeHeartbeat();
                up = core.Status == LinkStatus.Up;
            }

            if (fault != null)
                core.GiveUp(current, fault);
            Tell(up, heartbeat, now);
            core.RebootIfDue();
        }

        private void Send()
        {
            Keeper keeper = core.Options.Keeper;
            if (keeper != null)
                keeper.Step(LinkCore.Now);
            while (true)
            {
                int count = 0;
                bool behind;
                lock (core.Gate)
                {
                    sending = core.Usable;
                    // What was decided meanwhile is kept before it is said.
                    behind = keeper != null && sending != null && keeper.IsBehind(LinkCore.Now);
                    if (sending != null && !behind)
                        count = core.Session.Fill(LinkCore.Now);
                }

                if (behind)
                {
                    keeper.Step(LinkCore.Now);
                    continue;
                }

                if (count == 0)
                    return;
                sending.Send(core.Session.Output, 0, count);
            }
        }

        private void Tell(bool up, bool heartbeat, long now)
        {
            try
            {
                if (core.Options.Watchdog != null && !core.IsStuck(now))
                    core.Options.Watchdog.Feed();
                if (core.Options.Led == null)
                    return;
                if (up && heartbeat)
                    core.Options.Led.Toggle();
                else if (!up && !ledIsOff)
                    core.Options.Led.Off();
                ledIsOff = !up;
            }
            catch (Exception exception)
            {
                core.Caught("the lamp or the watchdog", exception);
            }
        }

        private void Stop()
        {
            Keeper keeper = core.Options.Keeper;
            try
            {
                if (keeper != null)
                {
                    keeper.Ask();
                    keeper.Step(LinkCore.Now);
                }
            }
            catch (Exception)
            {
                core.Counters.Errors++;
            }

            try
            {
                if (core.Options.Led != null)
                    core.Options.Led.Off();
                if (core.Options.Watchdog != null)
                    core.Options.Watchdog.Stop();
            }
            catch (Exception)
            {
                core.Counters.Errors++;
            }
        }
    }
}
