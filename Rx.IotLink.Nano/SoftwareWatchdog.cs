using System;
using System.Threading;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// A watchdog in software, since nanoFramework offers none in hardware: a thread that restarts the device when it
    /// was not fed for too long. It finds a hanging thread of the link, but runs on the interpreter itself: see
    /// <see cref="IWatchdog"/> for what that cannot find.
    /// </summary>
    public sealed class SoftwareWatchdog : IWatchdog
    {
        private readonly IRebooter rebooter;
        private readonly AutoResetEvent fed = new AutoResetEvent(false);
        private readonly int patienceMs;
        private readonly Thread thread;
        private bool stopped;

        /// <summary>Starts it.</summary>
        /// <param name="rebooter">Restarts the device.</param>
        /// <param name="patienceMs">
        /// How long it may go unfed, in milliseconds. Longer than a look-up of a name may take, which stops all
        /// threads: 20,000 or more. With an address in place of a name, 5,000 is enough.
        /// </param>
        public SoftwareWatchdog(IRebooter rebooter, int patienceMs)
        {
            this.rebooter = rebooter;
            this.patienceMs = patienceMs;
            thread = new Thread(Run);
            thread.Start();
        }

        /// <inheritdoc/>
        public void Feed()
        {
            fed.Set();
        }

        /// <inheritdoc/>
        public void Stop()
        {
            stopped = true;
            fed.Set();
        }

        private void Run()
        {
            while (!stopped)
            {
                try
                {
                    if (!fed.WaitOne(patienceMs, false) && !stopped)
                        rebooter.Reboot();
                }
                catch (Exception)
                {
                    // It tries again after the same time: nothing is left that could report a failure. Not a call here:
                    // there may be no memory for it.
                }
            }
        }
    }
}
