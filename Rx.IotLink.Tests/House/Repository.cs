namespace Rx.IotLink.Tests.House;

/// <summary>The checkout that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    public static string Read(params string[] path) => File.ReadAllText(Path.Combine([Root, .. path]));

    private static string FindRoot(string folder) => File.Exists(Path.Combine(folder, "IotLink.sln"))
        ? folder
        : FindRoot(Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not run inside a checkout: no IotLink.sln above them."));
}
