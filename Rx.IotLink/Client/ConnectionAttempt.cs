using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink.Transport;

namespace Rx.IotLink;

/// <summary>
/// One attempt to connect: it brings the network up and makes a connection, both within a time limit, and then serves
/// the connection. Gives the outage that ended the connection, or fails.
/// </summary>
/// <remarks>
/// This is not a chain of operators. A chain that has timed out, or was unsubscribed from, drops a connection that
/// comes at that moment, and nothing would own it. Here one place decides whether it came in time.
/// </remarks>
internal sealed class ConnectionAttempt(INetwork network, ITransport transport, TimeSpan limit, IScheduler scheduler, Func<IConnection, IObservable<Outage>> serve) : IObservable<Outage>
{
    public IDisposable Subscribe(IObserver<Outage> observer)
    {
        var run = new Run(this, observer);
        run.Start();
        return run;
    }

    private IDisposable BringUp(IObserver<Unit> observer) => Observable.Defer(network.BringUp).SubscribeSafe(observer);

    private sealed class Run(ConnectionAttempt attempt, IObserver<Outage> observer) : IObserver<IConnection>, IDisposable
    {
        private readonly SerialDisposable timer = new();
        private readonly SingleAssignmentDisposable network = new();
        private readonly SingleAssignmentDisposable watching = new();
        private readonly SingleAssignmentDisposable connecting = new();
        private readonly SingleAssignmentDisposable serving = new();
        private int decided;

        public void Start()
        {
            timer.Disposable = attempt.ScheduleLimit(() => Fail(new TimeoutException()));
            network.Disposable = attempt.BringUp(Observer.Create<Unit>(_ => { }, Fail, Watch));
        }

        public void OnNext(IConnection value)
        {
            if (!Decide())
            {
                value.Dispose();
                return;
            }

            serving.Disposable = attempt.Serve(value).SubscribeSafe(observer);
        }

        public void OnError(Exception error) => Fail(error);

        public void OnCompleted() => Fail(new IOException("The transport gave no connection."));

        public void Dispose()
        {
            Decide();
            network.Dispose();
            watching.Dispose();
            connecting.Dispose();
            serving.Dispose();
        }

        /// <summary>A network that came up may go again at once: it is watched before it is used.</summary>
        private void Watch()
        {
            TimeSpan time;
            try
            {
                time = attempt.WatchFor;
            }
            catch (Exception exception)
            {
                Fail(exception);
                return;
            }

            if (time <= TimeSpan.Zero)
            {
                Connect();
                return;
            }

            timer.Disposable = Disposable.Empty;
            watching.Disposable = attempt.Lost.Select(_ => false).Amb(attempt.Timer(time).Select(_ => true)).Take(1).SubscribeSafe(Observer.Create<bool>(
                stayed =>
                {
                    if (!stayed)
                    {
                        Fail(new IOException("The network came up and went again."));
                        return;
                    }

                    timer.Disposable = attempt.ScheduleLimit(() => Fail(new TimeoutException()));
                    Connect();
                },
                Fail));
        }

        private void Connect()
        {
            try
            {
                connecting.Disposable = attempt.Connect(this);
            }
            catch (Exception exception)
            {
                Fail(exception);
            }
        }

        private void Fail(Exception exception)
        {
            if (!Decide())
                return;
            network.Dispose();
            watching.Dispose();
            connecting.Dispose();
            observer.OnError(exception);
        }

        private bool Decide()
        {
            var isFirst = Interlocked.Exchange(ref decided, 1) == 0;
            timer.Dispose();
            return isFirst;
        }
    }

    private IDisposable ScheduleLimit(Action late) => scheduler.Schedule(limit, late);

    private TimeSpan WatchFor => network.WatchFor;

    private IObservable<Unit> Lost => Observable.Defer(() => network.Lost);

    private IObservable<long> Timer(TimeSpan time) => Observable.Timer(time, scheduler);

    private IDisposable Connect(IObserver<IConnection> observer) => transport.Connect().Subscribe(observer);

    private IObservable<Outage> Serve(IConnection connection) => serve(connection);
}
