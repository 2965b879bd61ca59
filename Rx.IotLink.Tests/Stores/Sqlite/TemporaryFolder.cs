namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>A folder on the disk, for the time of a test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly string path = Directory.CreateTempSubdirectory("iotlink-store-").FullName;

    /// <summary>A file in it.</summary>
    public string this[string file] => Path.Combine(path, file);

    public override string ToString() => path;

    public void Dispose() => Directory.Delete(path, recursive: true);
}
