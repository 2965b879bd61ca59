using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Rx.IotLink.Server;

/// <summary>
/// Loggers that never throw. A provider that throws, because of a full disk or missing descriptors, must not end a
/// stream of the server, nor stop it from accepting. Its exceptions are counted.
/// </summary>
/// <param name="inner">The real loggers. The caller owns them.</param>
internal sealed class GuardedLogging(ILoggerFactory inner) : ILoggerFactory
{
    private long failures;

    /// <summary>The number of calls at which a provider threw.</summary>
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
