using Rx.IotLink.PostgreSql;

namespace Rx.IotLink.Cli;

/// <summary>Where <c>serve</c> keeps its sessions.</summary>
/// <param name="Store">The store; null: in memory alone.</param>
internal sealed record Sessions(ISessionStore? Store) : IAsyncDisposable
{
    /// <summary>The environment's connection string, which no list of processes shows.</summary>
    public const string Variable = "IOTLINK_POSTGRES";

    public ValueTask DisposeAsync() => (Store as IAsyncDisposable)?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>Opens the file of <c>--store</c>, or the database of <c>--postgres</c>.</summary>
    /// <exception cref="UsageException">It cannot be used; the sentence says why, and what to do.</exception>
    public static async Task<Sessions> OpenAsync(ServeSettings settings, CommandContext context)
    {
        if (settings.Postgres is null && settings.Node is not null)
            throw new UsageException("--node is of no use without --postgres.");
        if (settings.Postgres is null && settings.Consumer is not null)
            throw new UsageException("--consumer is of no use without --postgres.");
        if (settings.Consumer is { Length: 0 or > 100 })
            throw new UsageException("--consumer must be 1 to 100 characters.");
        if (settings is { HandsOnTwice: true, Consumer.Length: > 92 })
            throw new UsageException("--consumer must be 1 to 92 characters with --mqtt and --webhook: -mqtt and -webhook are appended.");
        if (settings is { Postgres: not null, Store: not null })
            throw new UsageException("--store and --postgres cannot both be given: a server has one store.");
        return settings.Postgres is { } connection
            ? new(await OpenAsync(connection, settings.Node, context).ConfigureAwait(false))
            : new(await StoreFile.OpenAsync(settings.Store, context).ConfigureAwait(false));
    }

    private static async Task<PostgreSqlSessionStore> OpenAsync(string given, string? node, CommandContext context)
    {
        var text = given.Length > 0 ? given : Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrEmpty(text))
            throw new UsageException($"--postgres needs a CONNECTION, or the environment variable {Variable}.");
        try
        {
            var options = new PostgreSqlSessionStoreOptions { ConnectionString = text, Node = node ?? Environment.MachineName, Inbox = true };
            return await PostgreSqlSessionStore.OpenAsync(options, context.Stop).ConfigureAwait(false);
        }
        catch (SessionStoreException e)
        {
            throw new UsageException($"--postgres: {e.Message}");
        }
        catch (ArgumentException e)
        {
            throw new UsageException($"--postgres: {FirstSentence(e.Message)}");
        }
    }

    /// <summary>Without the parameter that .NET appends.</summary>
    private static string FirstSentence(string message) => message.Split(" (Parameter", 2)[0];
}
