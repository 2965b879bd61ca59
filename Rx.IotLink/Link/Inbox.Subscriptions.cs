namespace Rx.IotLink;

/// <summary>The observers of the lines, as text or as bytes.</summary>
internal sealed partial class Inbox
{
    private sealed class TextLines(Inbox inbox) : IObservable<string>
    {
        public IDisposable Subscribe(IObserver<string> observer) => inbox.Add(new TextSubscription(inbox, observer));
    }

    private sealed class BytesOfLines(Inbox inbox) : IObservable<ReadOnlyMemory<byte>>
    {
        public IDisposable Subscribe(IObserver<ReadOnlyMemory<byte>> observer) => inbox.Add(new Utf8Subscription(inbox, observer));
    }

    private abstract class Subscription(Inbox inbox) : IDisposable
    {
        private volatile bool over;

        /// <summary>False: this observer has unsubscribed.</summary>
        public bool TryOnNext(ref Line line)
        {
            if (over || !TryCatchUp())
                return false;
            try
            {
                OnNext(ref line);
            }
            catch (Exception exception)
            {
                Fail(exception);
            }

            return true;
        }

        /// <summary>Is given what it must have before the next line. False: it has left.</summary>
        public virtual bool TryCatchUp() => true;

        public void OnEnd(Exception? error)
        {
            if (over)
                return;
            try
            {
                if (error is null)
                    OnCompleted();
                else
                    OnError(error);
            }
            catch (Exception exception)
            {
                Fail(exception);
            }

            over = true;
        }

        public virtual void Dispose()
        {
            over = true;
            lock (inbox.gate)
                inbox.observers = [.. inbox.observers.Where(o => o != this)];
        }

        protected abstract string Stream { get; }

        protected abstract void OnNext(ref Line line);

        protected abstract void OnError(Exception error);

        protected abstract void OnCompleted();

        protected bool IsOver => over;

        protected void Fail(Exception exception)
        {
            Dispose();
            inbox.owner.ObserverFailed(Stream, exception);
        }
    }

    private sealed class TextSubscription(Inbox inbox, IObserver<string> observer) : Subscription(inbox)
    {
        protected override string Stream => nameof(ILink.Lines);

        protected override void OnNext(ref Line line) => observer.OnNext(line.Text);

        protected override void OnError(Exception error) => observer.OnError(error);

        protected override void OnCompleted() => observer.OnCompleted();
    }

    private sealed class Utf8Subscription(Inbox inbox, IObserver<ReadOnlyMemory<byte>> observer) : Subscription(inbox)
    {
        protected override string Stream => nameof(ILink.Utf8Lines);

        protected override void OnNext(ref Line line) => observer.OnNext(line.Utf8);

        protected override void OnError(Exception error) => observer.OnError(error);

        protected override void OnCompleted() => observer.OnCompleted();
    }
}
