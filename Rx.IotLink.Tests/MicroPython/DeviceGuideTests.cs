using System.Text.RegularExpressions;
using NUnit.Framework;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.MicroPython;

/// <summary>The guide of the device's file names each option, with its default.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed partial class DeviceGuideTests
{
    private static readonly string[] NoOptions = ["self", "tell", "**options"];

    [Test]
    public void The_guide_names_each_option_and_its_default()
    {
        var rows = Repository.Read("docs", "micropython.md").Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Split('|')).ToList();
        var options = Constructor().Matches(Repository.Read("clients", "micropython", "iotlink.py"))
            .SelectMany(match => match.Groups["arguments"].Value.Split(','))
            .Select(argument => argument.Trim().Split('='))
            .Where(argument => argument[0].Length > 0 && !NoOptions.Contains(argument[0]))
            .ToList();

        Assert.That(options, Has.Count.AtLeast(18));
        Assert.Multiple(() =>
        {
            foreach (var option in options)
            {
                var standard = option.Length > 1 ? $"`{option[1]}`" : "";
                Assert.That(rows.Exists(row => row[1].Contains($"`{option[0]}`", StringComparison.Ordinal) && row[2].Trim() == standard), Is.True, string.Join('=', option));
            }
        });
    }

    [GeneratedRegex(@"^    def __init__\((?<arguments>[^)]*)\):", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Constructor();
}
