using System;
using System.Net.Sockets;

namespace Rx.IotLink.Nano
{
    /// <summary>What goes to the application and the lamp, and who catches what they throw.</summary>
    internal sealed partial class LinkCore
    {
        /// <summary>Whether a keepalive was heard since this was asked last.</summary>
        public bool TakeHeartbeat()
        {
            bool heard = heartbeatIsNew;
            heartbeatIsNew = false;
            return heard;
        }

        /// <summary>Whether the state has changed since this was asked last.</summary>
        public bool TakeStatus(out LinkStatus current, out string reason)
        {
            bool isNew = statusIsNew;
            statusIsNew = false;
            current = status;
            reason = why;
            return isNew;
        }

        /// <summary>The oldest notice that waits, or null.</summary>
        public string TakeNotice()
        {
            if (noticeCount == 0)
                return null;
            string notice = notices[0];
            noticeCount--;
            for (int at = 0; at < noticeCount; at++)
                notices[at] = notices[at + 1];
            notices[noticeCount] = null;
            return notice;
        }

        /// <summary>Keeps a notice for the application; the oldest gives way.</summary>
        public void Note(string text)
        {
            if (Options.OnNotice == null)
                return;
            lock (Gate)
            {
                if (noticeCount == NoticesKept)
                    TakeNotice();
                notices[noticeCount++] = text;
            }

            TellWake.Set();
        }

        /// <summary>An exception was caught.</summary>
        public void Caught(string where, Exception exception)
        {
            Counters.Errors++;
            if (Options.OnNotice != null)
                Note(where + ": " + ReasonOf(exception));
        }

        /// <summary>
        /// What an exception says: of one of a socket the number, since on the device it has no other words.
        /// </summary>
        public static string ReasonOf(Exception exception)
        {
            SocketException broken = exception as SocketException;
            if (broken != null)
                return "socket error " + broken.ErrorCode.ToString();
            return exception.Message != null ? exception.Message : "it failed";
        }
    }
}
