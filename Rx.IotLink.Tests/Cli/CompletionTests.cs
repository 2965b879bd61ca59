using System.Text.RegularExpressions;
using NUnit.Framework;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;
using Rx.IotLink.Tests.Security;

namespace Rx.IotLink.Tests.Cli;

/// <summary>The snippets for shells, as users see them, complete words in those shells.</summary>
[TestFixture]
[Platform(Exclude = "Win")]
[Parallelizable(ParallelScope.Self)]
internal sealed partial class CompletionTests
{
    private TestFiles files = null!;

    private static string Command => $"exec '{Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet"}' '{Path.Combine(AppContext.BaseDirectory, "iotlink.dll")}' \"$@\"";

    [SetUp]
    public void MakeCommand()
    {
        files = new();
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(files.Write("iotlink", $"#!/bin/sh\n{Command}\n"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [TearDown]
    public void RemoveFiles() => files.Dispose();

    [TestCase("iotlink ser", "serve")]
    [TestCase("iotlink connect host --key", "--key-file")]
    [TestCase("iotlink serve --protocol b", "both")]
    [TestCase("iotlink ls --state as", "asleep")]
    [TestCase("iotlink serve --nothing-like-it", "")]
    public async Task Bash_completes_a_word(string typed, string word)
    {
        foreach (var (source, snippet) in ((string, string)[])[("README", Snippet("bash")), ("help", await HelpAsync("bash"))])
        {
            // What bash does when TAB is pressed.
            var script = $"""
                {snippet}
                COMP_LINE='{typed}'; COMP_POINT={typed.Length}; COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${"{"}#COMP_WORDS[@]{"}"} - 1))
                complete -p iotlink | grep -q _iotlink || exit 3
                _iotlink; printf '%s\n' "${"{"}COMPREPLY[@]{"}"}"
                """;
            var ran = await RunAsync("bash", "--norc", "-c", script);
            Assert.That((ran.Exit, ran.Output.Trim(), ran.Errors), Is.EqualTo((0, word, "")), $"{source}: {ran}");
        }
    }

    /// <summary>What zsh calls on TAB; its own part, to offer the words, is left to it.</summary>
    [TestCase("iotlink ser", "serve")]
    [TestCase("iotlink connect host --key", "--key-file")]
    public async Task Zsh_completes_a_word(string typed, string word)
    {
        if (!Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, "zsh"))))
            Assert.Fail("zsh is not installed: apt-get install zsh");
        foreach (var snippet in (string[])[Snippet("zsh"), await HelpAsync("zsh")])
        {
            var script = $$"""
                compdef() { [[ $1 = _iotlink && $2 = iotlink ]] || exit 3 }
                {{snippet}}
                compadd() { shift; print -l -- "$@" }
                _files() { }
                words=({{typed}}); CURRENT=$#words; _iotlink
                """;
            var ran = await RunAsync("zsh", "-f", "-c", script);
            Assert.That((ran.Exit, ran.Output.Trim(), ran.Errors), Is.EqualTo((0, word, "")), ran.ToString());
        }
    }

    private static string Snippet(string shell) => Fences().Matches(Repository.Read("Rx.IotLink.Cli", "README.md")).Single(match => match.Groups["shell"].Value == shell).Groups["code"].Value;

    /// <summary>The indented lines of the help text that follow the shell's name.</summary>
    private async Task<string> HelpAsync(string shell)
    {
        var help = await RunAsync("sh", "-c", $"{Command} ", "sh", "help");
        var lines = help.Output.ReplaceLineEndings("\n").Split('\n').SkipWhile(line => !line.Contains($"For {shell},", StringComparison.Ordinal)).Skip(1);
        return string.Join('\n', lines.TakeWhile(line => line.StartsWith("  ", StringComparison.Ordinal)));
    }

    private Task<Ended> RunAsync(string program, params string[] arguments) => Dotnet.RunAsync(
        program,
        files.PathOf(""),
        new(StringComparer.Ordinal) { ["PATH"] = $"{files.PathOf("")}:{Environment.GetEnvironmentVariable("PATH")}" },
        arguments);

    [GeneratedRegex("^```(?<shell>bash|zsh)\n(?<code>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Fences();
}
