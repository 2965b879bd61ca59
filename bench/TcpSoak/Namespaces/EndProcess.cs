using System.Diagnostics;
using System.Net;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using System.Text.Json;
using TcpSoak.Ends;

namespace TcpSoak.Namespaces;

/// <summary>This program as one end of all links, in a namespace: see <see cref="EndRole"/>.</summary>
internal sealed class EndProcess : IDisposable
{
    private readonly Process _process;
    private readonly BehaviorSubject<EndStatus> _status = new(new EndStatus());
    private readonly Task _reading;
    private readonly Task<string> _errors;

    private EndProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
        _reading = ReadAsync();
    }

    /// <summary>Starts one end.</summary>
    /// <param name="name">The namespace.</param>
    /// <param name="role">The command of this program.</param>
    /// <param name="plan">Timeout, protocol and links.</param>
    /// <param name="at">Where the server listens.</param>
    public static EndProcess Start(string name, string role, SoakPlan plan, IPEndPoint at)
    {
        var program = Environment.ProcessPath!;
        // Started by "dotnet TcpSoak.dll", it is a program of the runtime's.
        string[] self = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [program, typeof(EndProcess).Assembly.Location] : [program];
        return new EndProcess(Tool.Start("ip", [
            "netns", "exec", name, .. self, role, $"{at}", "--links", $"{plan.Links}", "--protocol", $"{plan.Protocol}", "--timeout", $"{plan.Timeout.TotalMilliseconds:F0}"]));
    }

    /// <summary>Its last report.</summary>
    public EndStatus Status => _status.Value;

    /// <summary>Has it go on to the next part of its life.</summary>
    public async Task SayAsync(string what)
    {
        await _process.StandardInput.WriteLineAsync(what);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>The first status of which it holds.</summary>
    /// <exception cref="NotPossibleException">The process ended before.</exception>
    /// <exception cref="TimeoutException">It took too long.</exception>
    public Task<EndStatus> WhenAsync(Func<EndStatus, bool> holds, TimeSpan limit) => _status.FirstAsync(holds).Timeout(limit).ToTask();

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _ = _reading.Exception;
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
            _status.OnNext(JsonSerializer.Deserialize<EndStatus>(line)!);
        _status.OnError(new NotPossibleException($"One end has ended too early. {(await _errors).Trim()}"));
    }
}
