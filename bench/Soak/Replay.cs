using Rx.IotLink.Testing;

namespace Soak;

/// <summary>One seed with all details.</summary>
internal static class Replay
{
    public static int Run(Settings settings) => settings.Protocols.Max(protocol => Run(Setting.Of(settings.First, protocol, settings.Life)));

    private static int Run(Setting setting)
    {
        var faults = setting.Faults();
        var result = Trial.Run(setting, faults);
        Console.WriteLine($"Seed {setting.Seed}, protocol {setting.Protocol}: {(result.IsFlawless ? "flawless" : result.Complaint)}");
        Console.WriteLine($"history {result.Fingerprint:x16}, {result.Lines.Written} lines, {result.Outages} outages, {result.Crashes} crashes");
        if (result.IsFlawless)
            return 0;
        var (fewest, _) = Seeds.Shrink(faults, new BrokenPromiseException(result.Complaint), fewer => Trial.Run(setting, fewer) is { IsFlawless: false } still ? new BrokenPromiseException(still.Complaint) : null);
        Console.WriteLine($"{setting}");
        Console.WriteLine($"Of its {faults.Count} faults {fewest.Count} are enough:");
        foreach (var fault in fewest)
            Console.WriteLine($"    {fault},");
        Console.WriteLine($"They lead to: {Trial.Run(setting, fewest).Complaint}");
        return 1;
    }
}

/// <summary>A promise was broken; the message says which.</summary>
public sealed class BrokenPromiseException(string complaint) : Exception(complaint);
