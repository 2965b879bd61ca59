using System;
using System.Text;

namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>What the peer says: bytes become lines, and lines have their meaning.</summary>
    internal sealed partial class Session
    {
        /// <summary>Bytes arrived, in any pieces.</summary>
        public void Receive(byte[] bytes, int offset, int count, long now)
        {
            while (count > 0)
            {
                int part = buffer.Length - held;
                if (part > count)
                    part = count;
                Array.Copy(bytes, offset, buffer, held, part);
                Received(part, now);
                offset += part;
                count -= part;
            }
        }

        /// <summary>So many bytes arrived in the <see cref="Buffer"/>. They may be changed.</summary>
        public void Received(int count, long now)
        {
            lastHeard = now;
            byte[] bytes = buffer;
            int at = held;
            int end = at + count;
            int start = 0;
            held = 0;
            while (Hears)
            {
                // The only pass over the bytes of a line. As signed numbers, those beyond ASCII are below zero: the
                // first of them is found, and then they are no reason to stop any more.
                if (isAscii)
                {
                    while (at < end && (sbyte)bytes[at] > AsciiText.LineFeed)
                        at++;
                }
                else
                {
                    while (at < end && bytes[at] > AsciiText.LineFeed)
                        at++;
                }

                if (at == end)
                    break;
                byte value = bytes[at];
                if (value == AsciiText.LineFeed)
                {
                    if (!IsTooLong(start, at))
                        Take(bytes, start, at - start);
                    start = at + 1;
                    isAscii = true;
                }
                else if (value > 127)
                {
                    isAscii = false;
                }
                else if (value == 0 && settings.ReplacesNul && phase == Phase.Open)
                {
                    // A text on the device ends at its first NUL: the line would be cut short without a word.
                    bytes[at] = Substitute;
                }

                at++;
            }

            if (!Hears || IsTooLong(start, end))
                return;
            Keep(start, end - start);
        }

        private bool IsTooLong(int start, int end)
        {
            if (start == end || end - start <= Limit(buffer[start]))
                return false;
            Leave(LeaveReason.TooLong, -1, "a line of the peer is longer than it may be");
            return true;
        }

        /// <summary>Keeps an unfinished line at the beginning of the buffer, and room behind it.</summary>
        private void Keep(int start, int length)
        {
            byte[] from = buffer;
            // Only a line of the opening may be so long; and it hardly ever is.
            if (length >= usualBuffer.Length && buffer == usualBuffer)
                buffer = new byte[OpeningTokens.MaxBytes + 1];
            else if (length < usualBuffer.Length)
                buffer = usualBuffer;
            if (length > 0 && (start > 0 || from != buffer))
                Array.Copy(from, start, buffer, 0, length);
            held = length;
        }

        private void Take(byte[] bytes, int offset, int count)
        {
            if (!isAscii && !Utf8.IsValid(bytes, offset, count))
            {
                Fail("a line is not UTF-8");
                return;
            }

            if (phase != Phase.Open)
            {
                TakeAnswer(bytes, offset, count);
                return;
            }

            if (count == 0)
            {
                sender.NothingWaits();
                sender.Clock.PeerRests(lastHeard);
                host.Heartbeat();
                return;
            }

            byte mark = bytes[offset];
            int low = count >= 5 ? AsciiText.Low(bytes, offset + 1) : -1;
            if (mark == '+' || mark == '-' || mark == '#')
                sender.Clock.PeerSends();
            if (mark == '+' && low >= 0)
                receiver.Take(low, bytes, offset + 5, count - 5);
            else if (mark == '#' && count == 5 && low >= 0)
                receiver.TakeGivenUp(low);
            else if (mark == '-')
                receiver.TakeBestEffort(bytes, offset + 1, count - 1);
            else if (mark == '=' && count == 5 && low >= 0)
                TakeAccepted(low);
            else if (mark == '~' && count == 5 && low >= 0)
                TakeArrived(low);
            else if (mark == '!' && count >= 4 && AsciiText.Same(bytes, offset, 4, "!bye") && (count == 4 || bytes[offset + 4] == AsciiText.Blank))
                TakeFarewell(bytes, offset, count);
            else
                Fail("a line means nothing");
        }

        private void TakeAccepted(int low)
        {
            if (!sender.Acknowledge(Whole(low), lastHeard))
                Fail("a line was acknowledged that was never sent");
        }

        private void TakeArrived(int low)
        {
            if (!sender.Arrived(Whole(low), lastHeard))
            {
                Fail("the arrival was told of a line that was never sent");
                return;
            }

            sender.Clock.PeerRests(lastHeard);
            host.Heartbeat();
        }

        private void TakeFarewell(byte[] bytes, int offset, int count)
        {
            string text = count > 5 ? Text(bytes, offset + 5, count - 5) : "";
            bool displaced = text == "displaced";
            Leave(displaced ? LeaveReason.Displaced : LeaveReason.PeerLeft, -1, text.Length > 0 ? "the server left: " + text : "the server left");
        }

        private int Limit(byte mark)
        {
            if (phase != Phase.Open)
                return OpeningTokens.MaxBytes;
            if (mark == '!')
                return MaxFarewell > settings.MaxLineBytes + 5 ? MaxFarewell : settings.MaxLineBytes + 5;
            return settings.MaxLineBytes + (mark == '-' ? 1 : 5);
        }

        private static string Text(byte[] bytes, int offset, int count)
        {
            return Encoding.UTF8.GetString(bytes, offset, count);
        }
    }
}
