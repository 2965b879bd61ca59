using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Rx.IotLink.Tests.Server.Tools;

/// <summary>A log in memory, as a factory and as a provider.</summary>
internal sealed class TestLog : ILoggerFactory, ILoggerProvider
{
    /// <summary>What our server said; its Kestrel speaks to another category.</summary>
    public Recorder<LogEntry> Entries { get; } = new();

    public ConcurrentQueue<LogEntry> OfOthers { get; } = new();

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    private sealed class Logger(TestLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var entry = new LogEntry(logLevel, eventId.Id, formatter(state, exception), exception);
            if (string.Equals(category, "Rx.IotLink.Server.IotLinkServer", StringComparison.Ordinal))
                log.Entries.OnNext(entry);
            else
                log.OfOthers.Enqueue(entry);
        }
    }
}

internal sealed record LogEntry(LogLevel Level, int Id, string Text, Exception? Error);
