namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>What the server says to the opening, and how the session resumes.</summary>
    internal sealed partial class Session
    {
        private const ulong MaxNumber = ulong.MaxValue - 16384;
        private const int MinTimeoutMs = 100;

        /// <summary>What the server says to the opening.</summary>
        private void TakeAnswer(byte[] bytes, int offset, int count)
        {
            string fault = answer.Parse(bytes, offset, count);
            if (fault != null)
                Fail(fault);
            else if (answer.Is("no"))
                TakeRefusal(bytes);
            else if (answer.Is("ok") && phase == Phase.Greeting && settings.Key != null)
                Leave(LeaveReason.PeerNotProven, -1, "the server let this device in without proving that it knows its key");
            else if (answer.Is("ok"))
                TakeOk();
            else if (answer.Is("prove") && phase == Phase.Greeting && settings.Key != null)
                TakeChallenge();
            else
                Fail("what the server says is no answer to an opening");
        }

        private void TakeChallenge()
        {
            if (!opening.IsChallenge(answer))
            {
                Fail("the server's challenge has no nonce or no mac");
            }
            else if (!opening.ServerIsProven(answer))
            {
                Leave(LeaveReason.PeerNotProven, -1, "the server did not prove that it knows this device's key");
            }
            else
            {
                phase = Phase.Proving;
                proofDue = true;
            }
        }

        private void TakeRefusal(byte[] bytes)
        {
            ulong retry = 0;
            bool retries = answer.Has("retry");
            // A server that names more than a day means "not soon".
            if (!answer.Has("code") || (retries && !answer.TryNumberUpTo("retry", 86400000, out retry)) || !answer.TryDecode("text"))
            {
                Fail("the server's refusal has no code, or no good retry or text");
                return;
            }

            string text = "the server says " + Text(bytes, answer.Offset("code"), answer.Length("code"));
            if (answer.Has("text"))
                text = text + ": " + Text(bytes, answer.Offset("text"), answer.Length("text"));
            Leave(LeaveReason.Refused, retries ? (int)retry : -1, text);
        }

        private int LeastTimeoutMs
        {
            get { return settings.TimeoutMs < MinTimeoutMs ? settings.TimeoutMs : MinTimeoutMs; }
        }

        private void TakeOk()
        {
            ulong theirEpoch, tx, window, max, timeout;
            ulong peer = 0;
            ulong rx = 0;
            bool hasPeer = answer.Has("peer");
            bool good = answer.TryEpoch("epoch", out theirEpoch);
            good &= answer.TryNumber("tx", 1, MaxNumber, out tx);
            good &= answer.TryNumber("window", 1, 16384, out window);
            good &= answer.TryNumber("max", 1, 1048576, out max);
            good &= answer.TryNumber("timeout", 1, 86400000, out timeout);
            good &= hasPeer == answer.Has("rx");
            if (hasPeer)
            {
                good &= answer.TryEpoch("peer", out peer);
                good &= answer.TryNumber("rx", 0, MaxNumber, out rx);
            }

            ulong seen = rx;
            if (answer.Has("seen"))
                good &= answer.TryNumber("seen", rx, MaxNumber, out seen);

            if (good && timeout > (ulong)(uint)settings.MaxTimeoutMs)
            {
                // For so long nothing would be noticed of a server that has gone.
                Fail("the server's timeout is longer than this client bears");
                return;
            }

            if (good && timeout < (ulong)(uint)LeastTimeoutMs)
            {
                // This client would do nothing but repeat its lines and say that it lives.
                Fail("the server's timeout is shorter than this client bears");
                return;
            }

            if (!good)
            {
                Fail("the server's ok lacks something, or has it out of its limits");
                return;
            }

            if (restored == null && hasPeer && peer == epoch && seen >= sender.SentEnd)
            {
                // A memory that was not restored cannot have been rolled back, and knows what it has sent.
                Fail("the server claims lines that were never sent");
                return;
            }

            timeoutMs = (int)timeout;
            // What was acknowledged since it was met for the first time is not known any more.
            if (receiver.Recall(theirEpoch))
                firstAtMeeting = 0;
            if (!Resume(theirEpoch, tx, hasPeer, peer, rx, seen))
            {
                SpoilEpoch("this end's memory was rolled back; a new one begins");
            }
            else if (!sender.Open((int)window, (int)max, timeoutMs))
            {
                SpoilEpoch("the server no longer takes a line that was sent before; a new memory begins without it");
            }
            else
            {
                if (IsRecovering)
                    restored.Window = (int)window;
                Forget();
                phase = Phase.Open;
                host.Opened();
            }
        }

        /// <summary>The rules of resuming. False: this end's memory was rolled back.</summary>
        private bool Resume(ulong theirEpoch, ulong tx, bool hasPeer, ulong peer, ulong rx, ulong seen)
        {
            if (IsRecovering)
            {
                Recover(hasPeer && peer == epoch, rx, seen);
            }
            else if (hasPeer && peer == epoch)
            {
                if (seen >= sender.SentEnd || !sender.Acknowledge(rx, lastHeard))
                {
                    host.Notice(SessionNotice.MemoryRolledBack, seen, 0);
                    return false;
                }

                if (rx + 1 < sender.First)
                    host.Notice(SessionNotice.LinesLost, rx + 1, sender.First - 1);
            }
            else if (receiver.KnowsPeer && (hasPeer || receiver.PeerEpoch != theirEpoch || sender.First != firstAtMeeting))
            {
                // But the same memory that remembers nobody, and has accepted nothing, has only missed the answer to
                // its first opening.
                host.Notice(SessionNotice.SessionNotResumed, 0, 0);
            }

            bool meets = !receiver.KnowsPeer || receiver.PeerEpoch != theirEpoch;
            if (meets)
                firstAtMeeting = sender.First;
            if (meets && receiver.KnowsPeer)
                host.Notice(SessionNotice.PeerRestarted, 0, 0);
            ulong firstLost;
            // An older memory does not know what this device accepted since: it is no loss.
            if (!receiver.Open(theirEpoch, tx, out firstLost) && !IsRecovering)
                host.Notice(SessionNotice.LinesLost, firstLost, tx - 1);
            return true;
        }

        private void SpoilEpoch(string why)
        {
            epochIsSpoilt = true;
            Leave(LeaveReason.ConnectionLost, -1, why);
        }
    }
}
