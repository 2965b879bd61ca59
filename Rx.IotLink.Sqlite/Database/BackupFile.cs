using Microsoft.Data.Sqlite;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>A copy of a store in a file of its own.</summary>
internal static class BackupFile
{
    /// <summary>Writes it under another name first, so that half a copy never looks like a complete one.</summary>
    public static void Write(string from, string to, TimeSpan busyTimeout, StoreFaults store, StoreFaults backup)
    {
        var path = Path.GetFullPath(to);
        var unfinished = path + ".part";
        if (File.Exists(path) || Directory.Exists(path))
            throw backup.New(SessionStoreFault.Unavailable, "is there already, and a backup replaces nothing", "Name a new file");
        if (!Directory.Exists(Path.GetDirectoryName(path)))
            throw backup.NoFolder();

        try
        {
            using (var source = OpenSource(from, busyTimeout, store))
            {
                // The remains of a backup that was killed.
                File.Delete(unfinished);
                using var copy = new Connection(unfinished, create: true, busyTimeout);
                source.CopyTo(copy);
                copy.Execute(Writer.MarkAsCopy);
                // A single file, without a -wal file, can be moved.
                copy.Execute("PRAGMA journal_mode = DELETE");
            }

            File.Move(unfinished, path, overwrite: false);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }

    private static Connection OpenSource(string from, TimeSpan busyTimeout, StoreFaults store)
    {
        try
        {
            return new(from, create: false, busyTimeout);
        }
        catch (SqliteException e)
        {
            throw store.Of(e);
        }
    }
}
