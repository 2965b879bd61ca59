namespace Examples.AspNet;

/// <summary>The one page.</summary>
internal static class Page
{
    public static string Html { get; } = Read();

    private static string Read()
    {
        using var reader = new StreamReader(typeof(Page).Assembly.GetManifestResourceStream("page.html")!);
        return reader.ReadToEnd();
    }
}
