namespace Rx.IotLink;

/// <summary>Files with a path from outside, which are read as a whole.</summary>
internal static class RegularFile
{
    /// <summary>The most bytes of such a file.</summary>
    public const int MaxBytes = 64 << 20;

    /// <summary>
    /// Opens a file, which its owner may replace meanwhile. One without a length is not opened: a pipe would wait for
    /// its writer, and a device has no end.
    /// </summary>
    /// <exception cref="IOException">It is not there, is empty or no file, or too long.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read, or is a folder.</exception>
    public static FileStream Open(string path)
    {
        Check(path);
        return new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    /// <summary>The same, for what opens it itself.</summary>
    public static void Check(string path)
    {
        // Opening a folder, or a file that is not there, throws by itself.
        if (!File.Exists(path))
            return;
        var length = LengthOf(path);
        if (length == 0)
            throw new IOException($"{path} is empty, or no regular file.");
        if (length > MaxBytes)
            throw new IOException($"{path} is longer than {MaxBytes} bytes.");
    }

    /// <summary>Of the file, where the path is a link to it. What is no file has none.</summary>
    private static long LengthOf(string path)
    {
        var file = new FileInfo(path);
        var target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
        return target.Exists ? target.Length : 0;
    }
}
