namespace Rx.IotLink;

/// <summary>Lines that the application accepts itself, and when it likes.</summary>
internal sealed partial class Inbox
{
    // Made with the first who wants such lines. Guarded by the lock, but for whether it is there.
    private volatile OpenLines? open;

    // Whether somebody has come who was not given yet what is open. Written under the lock.
    private volatile bool newcomers;

    /// <summary>
    /// Lines with their names: those that are open, and all that follow. Each is open until it is accepted, and an
    /// observer that subscribes meanwhile gets it.
    /// </summary>
    public IObservable<ReceivedLine> Received(string id) => new ReceivedLines(this, id);

    private void Accept(ReceivedLine line)
    {
        bool counts;
        lock (gate)
            counts = open!.Accept(line);
        if (counts)
            owner.Handled(nothingLeft: false);
    }

    private ReceivedLine Open(ref Line line)
    {
        lock (gate)
        {
            if (line.Id.Number == 0)
                line.Id = names.Next(options);
            return open!.Open(line.Utf8.Span, line.Delivery, line.Id, owner.Now);
        }
    }

    /// <summary>
    /// A line was handed out: whether it is open, or is behind such lines. If not, it counts as handled now.
    /// </summary>
    private bool StaysOpen(ReceivedLine? received, Delivery delivery)
    {
        lock (gate)
        {
            if (received is not null)
                open!.HandedOut();
            else if (open!.Any)
                open.AddHandled(delivery);
            else
                return false;
            return true;
        }
    }

    private void GiveOpenLines()
    {
        Subscription[] to;
        lock (gate)
            (to, newcomers) = (observers, false);
        foreach (var observer in to)
            observer.TryCatchUp();
    }

    private sealed class ReceivedLines(Inbox inbox, string id) : IObservable<ReceivedLine>
    {
        public IDisposable Subscribe(IObserver<ReceivedLine> observer)
        {
            lock (inbox.gate)
                inbox.open ??= new(id, inbox.Accept);
            return inbox.Add(new ReceivedSubscription(inbox, observer));
        }
    }

    private sealed class ReceivedSubscription(Inbox inbox, IObserver<ReceivedLine> observer) : Subscription(inbox)
    {
        private readonly Inbox inbox = inbox;

        // The drain's own: the place of the last line that it was given, and whether it was given all that was open.
        private long at = -1;
        private bool hasCaughtUp;

        protected override string Stream => nameof(ILink.Received);

        public override bool TryCatchUp()
        {
            while (!hasCaughtUp && !IsOver)
            {
                ReceivedLine? line;
                lock (inbox.gate)
                    line = inbox.open!.After(at);
                hasCaughtUp = line is null;
                if (line is null)
                    break;
                at = line.Place;
                try
                {
                    observer.OnNext(line);
                }
                catch (Exception exception)
                {
                    Fail(exception);
                }
            }

            return !IsOver;
        }

        public override void Dispose()
        {
            base.Dispose();
            // Nobody may be left whom the end of the link has to wait for.
            inbox.owner.Handled(nothingLeft: false);
        }

        protected override void OnNext(ref Line line) => observer.OnNext(line.Received ??= inbox.Open(ref line));

        protected override void OnError(Exception error) => observer.OnError(error);

        protected override void OnCompleted() => observer.OnCompleted();
    }
}
