using System.Reactive.Disposables;
using Microsoft.Extensions.Logging;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>The log of a server's application. It can break: then each entry throws.</summary>
internal sealed class SimulatedLog
{
    private int faults;

    /// <summary>The entries at which it threw.</summary>
    public int Thrown { get; private set; }

    /// <summary>Lets a fault begin; disposing ends it.</summary>
    public IDisposable Begin()
    {
        faults++;
        return Disposable.Create(() => faults--);
    }

    /// <summary>The application's log, on this machine.</summary>
    public ILoggerFactory Of(ILoggerFactory inner) => new Factory(this, inner);

    private sealed class Factory(SimulatedLog log, ILoggerFactory inner) : ILoggerFactory
    {
        public ILogger CreateLogger(string categoryName) => new Logger(log, inner.CreateLogger(categoryName));

        public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

        public void Dispose()
        {
            // The application owns its factory.
        }
    }

    private sealed class Logger(SimulatedLog log, ILogger inner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => log.faults > 0 || inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (log.faults == 0)
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
                return;
            }

            log.Thrown++;
            throw new IOException("the simulated log cannot be written to");
        }
    }
}
