using System;
using System.Text;
using Rx.IotLink.Nano.Flash;
using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano
{
    /// <summary>The rules of the options, and their values for the session.</summary>
    internal static class OptionsCheck
    {
        private const int LeastKeyBytes = 16;
        private const int MaxIdBytes = 128;

        public static SessionSettings Settings(NanoClientOptions options)
        {
            if (options == null)
                throw new ArgumentNullException("options");
            if (options.Transport == null && (options.Host == null || options.Host.Length == 0))
                throw new ArgumentException("Host is missing.");
            InRange(options.Port, 1, 65535, "Port");
            InRange(options.TimeoutMs, 100, 3600000, "TimeoutMs");
            InRange(options.MaxLineBytes, 1, 16384, "MaxLineBytes");
            InRange(options.OutboxLines, 1, 4096, "OutboxLines");
            InRange(options.OutboxBytes, options.MaxLineBytes, 65536, "OutboxBytes");
            InRange(options.InboxLines, 1, 255, "InboxLines");
            InRange(options.InboxBytes, options.MaxLineBytes, 65536, "InboxBytes");
            InRange(options.BestEffortLines, 1, 256, "BestEffortLines");
            InRange(options.BestEffortBytes, 1, 65536, "BestEffortBytes");
            InRange(options.BackOffMs, 0, 3600000, "BackOffMs");
            InRange(options.BackOffCapMs, options.BackOffMs, 86400000, "BackOffCapMs");
            InRange(options.MaxRetryMs, 0, 86400000, "MaxRetryMs");
            InRange(options.MaxTimeoutMs, 1, 86400000, "MaxTimeoutMs");
            InRange(options.ConnectTimeoutMs, 0, 3600000, "ConnectTimeoutMs");
            InRange(options.WifiPatienceMs, 0, 86400000, "WifiPatienceMs");
            InRange(options.WifiConnectMs, 1, 3600000, "WifiConnectMs");
            InRange(options.HangMs, 1000, 3600000, "HangMs");
            InRange(options.WifiSettleMs, -1, 600000, "WifiSettleMs");
            InRange(options.RebootPatienceMs, 0, 86400000, "RebootPatienceMs");
            if (options.Key != null)
                InRange(options.Key.Length, LeastKeyBytes, 1024, "Key.Length");
            return new SessionSettings
            {
                Id = Id(options.Id),
                Key = options.Key,
                TimeoutMs = options.TimeoutMs,
                MaxTimeoutMs = options.MaxTimeoutMs > options.TimeoutMs ? options.MaxTimeoutMs : options.TimeoutMs,
                MaxLineBytes = options.MaxLineBytes,
                Window = Window(options),
                // One more, for a line of best effort.
                InboxLines = options.InboxLines + 1,
                InboxBytes = options.InboxBytes,
                OutboxLines = options.OutboxLines,
                OutboxBytes = options.OutboxBytes,
                BestEffortLines = options.BestEffortLines,
                BestEffortBytes = options.BestEffortBytes,
                ReplacesNul = true,
                OutputBytes = options.MaxLineBytes + 6,
            };
        }

        /// <summary>
        /// What keeps the outbox on the flash, and has looked for what was kept: for that there will be room. Null
        /// without a flash.
        /// </summary>
        public static Keeper Keeper(NanoClientOptions options, SessionSettings settings)
        {
            if (options.Flash == null)
                return null;
            InRange(options.KeepAfterMs, 0, 86400000, "KeepAfterMs");
            int areaBytes = options.Flash.AreaBytes;
            // However the lines fill the batches.
            InRange(areaBytes, options.OutboxBytes + (options.OutboxLines * (FlashLog.Overhead + 2)) + FlashLog.Overhead, 262144, "Flash.AreaBytes");
            FlashLog log = new FlashLog(options.Flash, areaBytes, settings.Id);
            log.Find();
            if (settings.OutboxBytes < log.FoundBytes)
                settings.OutboxBytes = log.FoundBytes;
            if (log.Found != null && settings.OutboxLines < log.Found.Count)
                settings.OutboxLines = log.Found.Count;
            int longest = log.LongestFound > options.MaxLineBytes ? log.LongestFound : options.MaxLineBytes;
            settings.OutputBytes = longest + 2 + FlashLog.Overhead;
            return new Keeper(log, options.KeepAfterMs);
        }

        /// <summary>What the inbox can hold, however long the lines are: then none has to come twice.</summary>
        private static int Window(NanoClientOptions options)
        {
            int lines = options.InboxBytes / options.MaxLineBytes;
            if (lines > 1)
                lines--;
            return lines < options.InboxLines ? lines : options.InboxLines;
        }

        private static byte[] Id(string id)
        {
            if (id == null || id.Length == 0)
                throw new ArgumentException("Id is missing.");
            byte[] bytes = Encoding.UTF8.GetBytes(id);
            if (bytes.Length > MaxIdBytes)
                throw new ArgumentException("Id has more than 128 bytes of UTF-8.");
            for (int at = 0; at < bytes.Length; at++)
            {
                // C1 controls are C2 80 to C2 9F.
                bool control = bytes[at] < 32 || bytes[at] == 127 || (at > 0 && bytes[at - 1] == 0xC2 && bytes[at] < 0xA0);
                if (control)
                    throw new ArgumentException("Id has a control character.");
            }

            return bytes;
        }

        private static void InRange(int value, int least, int most, string name)
        {
            if (value < least || value > most)
                throw new ArgumentException(name + " is " + value.ToString() + ", it must be from " + least.ToString() + " to " + most.ToString() + ".");
        }
    }
}
