using NUnit.Framework;
using NUnit.Framework.Internal;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Native;

/// <summary>
/// The command as one native binary, published once for all tests of this folder. That takes minutes. So it begins
/// before most tests of the other folders, which wait for sockets and processes meanwhile. Nobody waits for it until
/// these tests have their turn. Its priority is low, so that it delays no other test much.
/// </summary>
[SetUpFixture]
[Property(PropertyNames.Order, 1)]
[Parallelizable(ParallelScope.Self)]
[Platform("Linux")]
public sealed class NativeProgram
{
    private const string Install = "apt-get install clang zlib1g-dev";

    /// <summary>Two minutes on an idle machine of two cores.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);

    private static readonly Lock Gate = new();
    private static Task<string>? publishing;
    private static TemporaryFolder? published;

    [OneTimeSetUp]
    public static void Begin() => _ = GetAsync();

    [OneTimeTearDown]
    public static void Remove() => published?.Dispose();

    /// <summary>The folder with the binary, once it is there.</summary>
    internal static Task<string> GetAsync()
    {
        lock (Gate)
            return publishing ??= Task.Run(PublishAsync);
    }

    private static async Task<string> PublishAsync()
    {
        // For who changes these tests: a folder that was published before.
        if (Environment.GetEnvironmentVariable("IOTLINK_NATIVE") is { Length: > 0 } before)
            return before;
        if (!IsInstalled("clang") || !File.Exists("/usr/include/zlib.h"))
            throw new AssertionException($"clang or zlib is not on this machine, and a native binary is linked with them: '{Install}' installs them on Debian and Ubuntu.");
        published = new();
        // What others build at the same time stays as it is: all that is made here is in this folder.
        using var compiler = new CompilerServer();
        var ended = await Dotnet.RunAsync(Limit, "nice", Repository.Root, compiler.AddTo(new(StringComparer.Ordinal) { ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1" }),
            "-n", "5", Dotnet.Host, "publish", "Rx.IotLink.Cli", "-c", "Release", "-p:Native=true", "-p:RunAnalyzers=false", "--artifacts-path", published["artifacts"], "-o", published["out"]);
        Assert.That(ended.Exit, Is.Zero, ended.ToString());
        Assert.That(ended.Output, Does.Not.Contain("warning IL"), "of what the native binary may lack");
        return published["out"];
    }

    private static bool IsInstalled(string tool) => Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, tool)));
}
