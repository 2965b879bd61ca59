using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Npgsql;

namespace Examples.Cluster;

/// <summary>A PostgreSQL with its own files in a temporary folder, from the programs of this machine.</summary>
internal sealed class Postgres : IAsyncDisposable
{
    private const string Debian = "/usr/lib/postgresql";
    private const string User = "iotlink";

    // The server ends when the input of its shell ends, which happens with this process in any case.
    private const string Watcher = "\"$@\" </dev/null >\"$LOG\" 2>&1 & pid=$!; echo $pid; cat >/dev/null; kill -INT $pid 2>/dev/null; wait $pid";

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("iotlink-cluster-");
    private readonly string programs;
    private readonly int port = FreePort();
    private Process? shell;
    private int pid;

    private Postgres(string programs) => this.programs = programs;

    public string ConnectionString => At("127.0.0.1");

    /// <summary>How to connect to it at one of its addresses.</summary>
    public string At(string address) => $"Host={address};Port={port};Database=postgres;Username={User};Timeout=5;Command Timeout=10";

    /// <summary>Null: PostgreSQL is not on this machine.</summary>
    public static Task<Postgres?> TryStartAsync(CancellationToken cancellation) => TryStartAsync(isForNamespaces: false, cancellation);

    /// <summary>The same, and servers in other network namespaces reach it, if they are to.</summary>
    public static async Task<Postgres?> TryStartAsync(bool isForNamespaces, CancellationToken cancellation)
    {
        if (Find() is not { } programs)
            return null;
        var postgres = new Postgres(programs);
        await postgres.InitializeAsync(isForNamespaces, cancellation);
        await postgres.RunAsync(cancellation);
        return postgres;
    }

    /// <summary>A port that nobody has at this moment.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>Starts the server, and waits until it answers.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("sh", ["-c", Watcher, "sh", .. Command("postgres", "-D", Data)]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["LOG"] = Path.Combine(folder.FullName, "log");
        // The processes of a killed server hold its memory for another moment, and it does not start meanwhile.
        for (var ends = true; ends;)
        {
            shell?.Dispose();
            shell = Process.Start(start)!;
            pid = (int)Number.Of(await shell.StandardOutput.ReadLineAsync(cancellation) ?? "");
            for (ends = false; !ends && !await AnswersAsync(cancellation); ends = !File.Exists($"/proc/{pid}/stat"))
                await Observable.Timer(Times.CutEvery).ToTask(cancellation);
        }
    }

    /// <summary>The processor time that its processes have used, those of before included.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            using var server = Process.GetProcessById(pid);
            // Those that have ended are counted where they are waited for.
            var ended = File.ReadAllText($"/proc/{pid}/stat").Split(") ")[^1].Split(' ');
            var ticks = Number.Of(ended[13]) + Number.Of(ended[14]);
            var running = File.ReadAllText($"/proc/{pid}/task/{pid}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(child => TimeOf((int)Number.Of(child))).Aggregate(TimeSpan.Zero, (sum, one) => sum + one);
            return server.TotalProcessorTime + TimeSpan.FromMilliseconds(10 * ticks) + running;
        }
    }

    private static TimeSpan TimeOf(int child)
    {
        try
        {
            using var process = Process.GetProcessById(child);
            return process.TotalProcessorTime;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return TimeSpan.Zero;
        }
    }

    /// <summary>Ends it as a power failure of its process does.</summary>
    public Task KillAsync(CancellationToken cancellation) => EndAsync("KILL", cancellation);

    public async ValueTask DisposeAsync()
    {
        await EndAsync("INT", CancellationToken.None);
        folder.Delete(recursive: true);
    }

    private string Data => Path.Combine(folder.FullName, "data");

    private async Task EndAsync(string signal, CancellationToken cancellation)
    {
        await Signals.SendAsync(pid, signal, cancellation);
        shell!.StandardInput.Close();
        await shell.WaitForExitAsync(cancellation);
    }

    private async Task InitializeAsync(bool isForNamespaces, CancellationToken cancellation)
    {
        if (IsRoot)
            await DoAsync(["chown", "-R", "postgres", folder.FullName], cancellation);
        await DoAsync(Command("initdb", "-D", Data, "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"), cancellation);
        await File.AppendAllTextAsync(Path.Combine(Data, "postgresql.conf"), $"port = {port}\nlisten_addresses = '{(isForNamespaces ? "*" : "127.0.0.1")}'\nunix_socket_directories = '{folder.FullName}'\n", cancellation);
        if (isForNamespaces)
            await File.AppendAllTextAsync(Path.Combine(Data, "pg_hba.conf"), $"host all all {Network.All} trust\n", cancellation);
    }

    private async Task<bool> AnswersAsync(CancellationToken cancellation)
    {
        try
        {
            await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
            await connection.OpenAsync(cancellation);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private static bool IsRoot => string.Equals(Environment.UserName, "root", StringComparison.Ordinal);

    /// <summary>The server refuses root.</summary>
    private string[] Command(string program, params string[] arguments)
    {
        string[] command = [Path.Combine(programs, program), .. arguments];
        return IsRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", .. command] : command;
    }

    private static async Task DoAsync(string[] command, CancellationToken cancellation)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        await process.StandardOutput.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{command[0]} has failed.");
    }

    private static string? Find()
    {
        var debian = Directory.Exists(Debian)
            ? Directory.GetDirectories(Debian).OrderByDescending(version => Number.Of(Path.GetFileName(version))).Select(version => Path.Combine(version, "bin"))
            : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        return debian.Concat(path).FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));
    }
}
