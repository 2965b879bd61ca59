using System.Reflection;
using System.Runtime.Loader;

namespace Rx.IotLink.Tests.Simulation.Planted;

/// <summary>
/// The library, compiled from the sources of the checkout with bugs in it, in a world of its own together with its
/// server, the simulated network and the soak. One of the bugs is awake, or none.
/// </summary>
internal sealed class MutatedLibrary : AssemblyLoadContext, IDisposable
{
    public const string Project = "Rx.IotLink";

    /// <summary>What is loaded anew beside the library, since it must find this library and not the true one.</summary>
    private static readonly string[] Companions = ["Rx.IotLink.Server", "Rx.IotLink.Testing", "Soak"];

    private readonly MethodInfo settingOf;
    private readonly MethodInfo faultsOf;
    private readonly MethodInfo run;
    private readonly FieldInfo awake;
    private readonly byte[] image;

    public MutatedLibrary(byte[] image)
        : base(Project, isCollectible: true)
    {
        this.image = image;
        var soak = LoadFromAssemblyName(new AssemblyName("Soak"));
        var (setting, trial) = (soak.GetType("Soak.Setting", throwOnError: true)!, soak.GetType("Soak.Trial", throwOnError: true)!);
        (settingOf, faultsOf, run) = (setting.GetMethod("Of")!, setting.GetMethod("Faults")!, trial.GetMethod("Run")!);
        awake = LoadFromAssemblyName(new AssemblyName(Project)).GetType(AllPlanted.Switch, throwOnError: true)!.GetField(AllPlanted.Awake)!;
    }

    /// <summary>The number of the bug that is awake; 0: none.</summary>
    public int Awake { set => awake.SetValue(null, value); }

    /// <summary>Whether a life of it does not end: nobody else gets it.</summary>
    public bool IsStuck { get; set; }

    /// <summary>Lives the life of a seed. What was wrong with it, or null.</summary>
    public string? Live(int seed, int protocol)
    {
        var setting = settingOf.Invoke(null, [seed, protocol, null])!;
        var result = run.Invoke(null, [setting, faultsOf.Invoke(setting, null)])!;
        return Get<bool>(result, "IsFlawless") ? null : Get<string>(result, "Complaint");
    }

    /// <summary>Lets go of it; it is gone when nothing of it runs any more.</summary>
    public void Dispose() => Unload();

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (assemblyName.Name == Project)
            return LoadFromStream(new MemoryStream(image));
        return Companions.Contains(assemblyName.Name) ? LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, $"{assemblyName.Name}.dll")) : null;
    }

    private static T Get<T>(object of, string property) => (T)of.GetType().GetProperty(property)!.GetValue(of)!;
}
