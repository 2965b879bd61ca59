using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Rx.IotLink.Server;

/// <summary>
/// Loggers that never throw: a provider that does, for want of disk or descriptors, must end neither a stream of the
/// server nor its accepting. What it threw is counted.
/// </summary>
/// <param name="inner">Where it is logged. It is the caller's.</param>
internal sealed class GuardedLogging(ILoggerFactory inner) : ILoggerFactory
{
    private long failures;

    /// <summary>Calls that a provider threw at.</summary>
    public long Failures => Interlocked.Read(ref failures);

    public ILogger CreateLogger(string categoryName)
    {
        try
        {
            return new Guarded(inner.CreateLogger(categoryName), this);
        }
        catch (Exception)
        {
            Interlocked.Increment(ref failures);
            return NullLogger.Instance;
        }
    }

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose()
    {
        // The application's factory outlives the server.
    }

    private sealed class Guarded(ILogger logger, GuardedLogging owner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            try
            {
                return logger.BeginScope(state);
            }
            catch (Exception)
            {
                Interlocked.Increment(ref owner.failures);
                return null;
            }
        }

        public bool IsEnabled(LogLevel logLevel)
        {
            try
            {
                return logger.IsEnabled(logLevel);
            }
            catch (Exception)
            {
                Interlocked.Increment(ref owner.failures);
                return false;
            }
        }

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            try
            {
                logger.Log(logLevel, eventId, state, exception is null ? null : PrintableException.Of(exception), formatter);
            }
            catch (Exception)
            {
                Interlocked.Increment(ref owner.failures);
            }
        }
    }
}
