using System;
using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// The thread that sends, and that watches: it gives connections up that do not come about or fall silent, feeds
    /// the watchdog, and restarts the device in the end. It is the only one that fills and sends the session's output.
    /// </summary>
    internal sealed class PumpThread
    {
        private readonly LinkCore core;
        private INanoConnection sending;
        private bool ledIsOff;

        public PumpThread(LinkCore core)
        {
            this.core = core;
        }

        public void Run()
        {
            while (!core.LinkEnded)
            {
                try
                {
                    int pause;
                    lock (core.Gate)
                    {
                        pause = core.PauseMs(LinkCore.Now);
                    }

                    core.PumpWake.WaitOne(pause, false);
                    Watch();
                    Send();
                }
                catch (Exception exception)
                {
                    core.GiveUp(sending, exception.Message != null ? exception.Message : "sending failed");
                }
            }

            Stop();
        }

        private void Watch()
        {
            long now = LinkCore.Now;
            string fault;
            INanoConnection current;
            bool reboot;
            bool heartbeat;
            bool up;
            lock (core.Gate)
            {
                core.Session.Elapse(now);
                fault = core.FaultOf(now);
                current = core.Current;
                reboot = !core.IsOver && core.Escalation.TakeReboot(now);
                heartbeat = core.TakeHeartbeat();
                up = core.Status == LinkStatus.Up;
            }

            if (fault != null)
                core.GiveUp(current, fault);
            Tell(up, heartbeat);
            if (reboot)
                Reboot();
        }

        private void Send()
        {
            while (true)
            {
                int count = 0;
                lock (core.Gate)
                {
                    sending = core.Usable;
                    if (sending != null)
                        count = core.Session.Fill(LinkCore.Now);
                }

                if (count == 0)
                    return;
                sending.Send(core.Session.Output, 0, count);
            }
        }

        private void Tell(bool up, bool heartbeat)
        {
            try
            {
                if (core.Options.Watchdog != null)
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

        private void Reboot()
        {
            if (core.Options.Rebooter == null)
                return;
            try
            {
                core.Note("the link stays down: restart");
                core.Options.Rebooter.Reboot();
            }
            catch (Exception exception)
            {
                core.Caught("the restart", exception);
            }
        }

        private void Stop()
        {
            try
            {
                if (core.Options.Led != null)
                    core.Options.Led.Off();
                if (core.Options.Watchdog != null)
                    core.Options.Watchdog.Stop();
            }
            catch (Exception exception)
            {
                core.Caught("the lamp or the watchdog", exception);
            }
        }
    }
}
