namespace Rx.IotLink.Tests.Security;

/// <summary>Files of one test, which only their owner may read; they go with it.</summary>
internal sealed class TestFiles : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("iotlink-test-");

    public string PathOf(string name) => Path.Combine(folder.FullName, name);

    public string Write(string name, string text) => Write(name, System.Text.Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        var path = PathOf(name);
        File.WriteAllBytes(path, bytes);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }

    /// <summary>A pipe with a name, to which nobody writes.</summary>
    public string MakePipe(string name)
    {
        var path = PathOf(name);
        using var making = System.Diagnostics.Process.Start("mkfifo", ["-m", "600", path]);
        making.WaitForExit();
        return path;
    }

    public void Dispose() => folder.Delete(recursive: true);
}
