using System.Runtime.InteropServices;

namespace Rx.IotLink.Cli;

/// <summary>
/// Facts that only a POSIX system can give. The numbers are the same on Linux, macOS and the BSDs.
/// </summary>
internal static partial class Posix
{
    private const int GetDescriptorFlags = 1;
    private const int GetStatusFlags = 3;
    private const int CloseOnExec = 1;
    private const int AccessMode = 3;
    private const int ReadOnly = 0;
    private const int WriteOnly = 1;
    private const int Sighup = 1;

    // More than sigaction's structure has on any system; the handler is its first field.
    private const int ActionBytes = 512;
    private static readonly nint Ignored = 1;

    /// <summary>
    /// Whether the process was given this descriptor, and may use it. Ask before anything else is opened: the runtime
    /// gives the number of a closed one to its own files. Those have close-on-exec, which a descriptor that came from
    /// outside never has.
    /// </summary>
    public static bool IsInherited(int descriptor, bool forWriting)
    {
        var flags = Fcntl(descriptor, GetDescriptorFlags);
        return flags >= 0 && (flags & CloseOnExec) == 0 && (Fcntl(descriptor, GetStatusFlags) & AccessMode) != (forWriting ? ReadOnly : WriteOnly);
    }

    /// <summary>Whether nothing is open under this number.</summary>
    public static bool IsFree(int descriptor) => Fcntl(descriptor, GetDescriptorFlags) < 0;

    /// <summary>Whether a descriptor is a terminal: no longer, once the terminal is gone.</summary>
    public static bool IsTerminal(int descriptor) => IsATty(descriptor) == 1;

    /// <summary>Whether the process was started with SIGHUP ignored, as by nohup.</summary>
    public static bool IsHangupIgnored()
    {
        var action = new nint[ActionBytes / nint.Size];
        return Sigaction(Sighup, 0, action) == 0 && action[0] == Ignored;
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Fcntl(int descriptor, int command);

    [LibraryImport("libc", EntryPoint = "isatty")]
    private static partial int IsATty(int descriptor);

    [LibraryImport("libc", EntryPoint = "sigaction")]
    private static partial int Sigaction(int signal, nint set, [Out] nint[] got);
}
