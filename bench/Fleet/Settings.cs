namespace Rx.IotLink.Bench.Fleet;

/// <summary>What is measured, and how much of it.</summary>
internal sealed record Settings
{
    public required int Links { get; init; }

    public required int Held { get; init; }

    public required int Servers { get; init; }

    public required int Storm { get; init; }

    public required int Rounds { get; init; }

    public required TimeSpan Hold { get; init; }

    /// <summary>How long processor time is counted.</summary>
    public required TimeSpan Watch { get; init; }

    public required bool Tls { get; init; }

    public required IReadOnlyList<int> Stages { get; init; }

    /// <summary>Where the files of stores are made.</summary>
    public required DirectoryInfo Folder { get; init; }

    /// <summary>The timeout of all links.</summary>
    public static TimeSpan Timeout { get; } = TimeSpan.FromSeconds(30);

    /// <summary>What each end says so many keepalives of a second.</summary>
    public static double BeatsPerSecond(int links) => links / (Timeout.TotalSeconds / 4);
}
