using System.Globalization;
using System.Reactive.Linq;
using Rx.IotLink.Sqlite;

namespace Rx.IotLink.Cli;

/// <summary>The file of <c>--store</c>.</summary>
internal static class StoreFile
{
    /// <summary>Lines that a link may have in the file: as many as the disk holds.</summary>
    public const int MaxLines = 1_000_000_000;

    /// <summary>Their bytes.</summary>
    public const long MaxBytes = 1_099_511_627_776;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Opens the file, or makes it. Null: none is given. All of it is read and checked, which takes a few seconds a
    /// gigabyte: what takes longer than a second is said.
    /// </summary>
    /// <exception cref="UsageException">It cannot be used; the sentence says why, and what to do.</exception>
    public static async Task<SqliteSessionStore?> OpenAsync(string? path, CommandContext context)
    {
        if (path is null)
            return null;
        if (path.Length == 0)
            throw new UsageException("--store must name a file.");
        using var saying = Observable.Timer(Patience, context.Scheduler).Subscribe(_ => context.Output.Opening(
            $"the file of --store ({Megabytes(path)}) is being opened and checked, which takes a few seconds a gigabyte"));
        try
        {
            var store = await Task.Run(() => SqliteSessionStore.Open(path)).ConfigureAwait(false);
            if (store.BeganNewEpochs)
                context.Output.Warning("the file of --store is a copy, which may be older than what peers remember: each session in it begins a new epoch");
            return store;
        }
        catch (SessionStoreException e)
        {
            throw new UsageException($"--store: {e.Message}");
        }
    }

    private static string Megabytes(string path) =>
        string.Create(CultureInfo.InvariantCulture, $"{(new FileInfo(path) is { Exists: true } file ? file.Length / 1e6 : 0):0} MB");
}
