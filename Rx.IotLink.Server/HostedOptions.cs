using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Rx.IotLink.Server;

/// <summary>
/// Makes the options of a server or client in a host as .NET makes options: all steps in the order in which they were
/// registered, then those of <c>PostConfigure</c>, then the checks. The options are immutable for code; a step of
/// <c>Add…</c> replaces them. The binder sets their properties by reflection.
/// </summary>
internal abstract class HostedOptions<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T>(
    IEnumerable<IConfigureOptions<T>> steps,
    IEnumerable<IPostConfigureOptions<T>> postSteps,
    IEnumerable<IValidateOptions<T>> checks,
    IEnumerable<IOptionsChangeTokenSource<T>> sources) : IOptionsFactory<T>
    where T : LinkOptions
{
    /// <summary>Makes those of a name, which is the key of a server or client; none: the empty name.</summary>
    public T Create(string name)
    {
        var sections = new Queue<IConfiguration>(Sections());
        var options = Defaults(name);
        foreach (var step in steps)
        {
            options = step switch
            {
                Change change => change.Name == name ? change.Replace(options) : options,
                NamedConfigureFromConfigurationOptions<T> binding => Bind(binding, sections.Dequeue(), name, options),
                ConfigureNamedOptions<T, IConfiguration> binding when IsBinding(binding) => Bind(binding, sections.Dequeue(), name, options),
                _ => Run(step, name, options),
            };
        }

        foreach (var step in postSteps)
            step.PostConfigure(name, options);
        Check(name, options);
        options.Validate();
        return options;
    }

    /// <summary>The options before the first step.</summary>
    protected abstract T Defaults(string name);

    /// <summary>Sets what the binder cannot convert from text.</summary>
    protected virtual T Convert(IConfiguration section, T options) => options;

    private static T Run(IConfigureOptions<T> step, string name, T options)
    {
        if (step is IConfigureNamedOptions<T> named)
            named.Configure(name, options);
        else if (name.Length == 0)
            step.Configure(options);
        return options;
    }

    private T Bind(NamedConfigureFromConfigurationOptions<T> binding, IConfiguration section, string name, T options)
    {
        if (binding.Name is not null && binding.Name != name)
            return options;
        CheckNames(section);
        binding.Configure(name, options);
        return Convert(section, options);
    }

    /// <summary>A step of <c>BindConfiguration</c>, which finds its section when it runs.</summary>
    private T Bind(ConfigureNamedOptions<T, IConfiguration> binding, IConfiguration root, string name, T options)
    {
        if (binding.Name != name)
            return options;
        var watched = new Watched(root);
        binding.Action!(options, watched);
        // Names that are wrong were passed over, and the exception ends the start.
        CheckNames(watched.Found);
        return Convert(watched.Found, options);
    }

    private static bool IsBinding(ConfigureNamedOptions<T, IConfiguration> step) =>
        step.Action?.Method.Module.Assembly == typeof(NamedConfigureFromConfigurationOptions<>).Assembly;

    /// <summary>
    /// The section of each step that binds one. Each such step was registered together with a source of changes, which
    /// has the section.
    /// </summary>
    private List<IConfiguration> Sections()
    {
        var found = sources.OfType<ConfigurationChangeTokenSource<T>>().Select(SectionOf<T>.Get).ToList();
        var known = steps.Count(s => s is NamedConfigureFromConfigurationOptions<T> || (s is ConfigureNamedOptions<T, IConfiguration> binding && IsBinding(binding)));
        return found.Count == known ? found : throw new InvalidOperationException(
            $"A section of {typeof(T).Name} is bound by code that the configuration binding generator wrote, which leaves out the options that are set at construction: give the section to Add{typeof(T).Name.Replace("Options", "", StringComparison.Ordinal)}, or set EnableConfigurationBindingGenerator to false in the project.");
    }

    private void Check(string name, T options)
    {
        var failures = checks.Select(c => c.Validate(name, options)).Where(r => r is { Failed: true }).SelectMany(r => r.Failures ?? []).ToList();
        if (failures.Count > 0)
            throw new OptionsValidationException(name, typeof(T), failures);
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Those who bind a section have been warned: Configure and BindConfiguration need the same.")]
    private static void CheckNames(IConfiguration section) => ConfigurationNames.Check(section, typeof(T));

    /// <summary>A step that gives other options. No other factory can run it.</summary>
    internal sealed class Change(string name, Func<T, T> change) : IConfigureNamedOptions<T>
    {
        public string Name => name;

        public T Replace(T options) => (T?)change(options) ?? throw new InvalidOperationException($"The function that changes {typeof(T).Name} gave null.");

        public void Configure(string? name, T options) => throw new InvalidOperationException($"IOptionsFactory<{typeof(T).Name}> was replaced by another one, which cannot change options that are immutable.");

        public void Configure(T options) => Configure(Options.DefaultName, options);
    }

    /// <summary>A configuration that knows which section was asked for.</summary>
    private sealed class Watched(IConfiguration root) : IConfiguration
    {
        private IConfiguration? found;

        public IConfiguration Found => found ?? root;

        public string? this[string key]
        {
            get => root[key];
            set => root[key] = value;
        }

        public IConfigurationSection GetSection(string key)
        {
            var section = root.GetSection(key);
            found = section;
            return section;
        }

        public IEnumerable<IConfigurationSection> GetChildren() => root.GetChildren();

        public Microsoft.Extensions.Primitives.IChangeToken GetReloadToken() => root.GetReloadToken();
    }
}

/// <summary>
/// Reads the section of a source of changes. No public member of a registration has it, and without it a name that is
/// misspelt would be passed over.
/// </summary>
internal static class SectionOf<T>
{
    public static IConfiguration Get(ConfigurationChangeTokenSource<T> source)
    {
        try
        {
            return Field(source);
        }
        catch (MissingFieldException missing)
        {
            throw new InvalidOperationException($"Configure<{typeof(T).Name}> cannot check the names of its section with this version of Microsoft.Extensions.Options.ConfigurationExtensions: give the section to Add{typeof(T).Name.Replace("Options", "", StringComparison.Ordinal)}.", missing);
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_config")]
    private static extern ref IConfiguration Field(ConfigurationChangeTokenSource<T> source);
}

/// <summary>Registers options of a host.</summary>
internal static class HostedOptions
{
    /// <summary>Adds what makes them, and the steps of one server or client.</summary>
    public static void Add<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TFactory>(IServiceCollection services, string name, params Func<T, T>?[] steps)
        where T : LinkOptions
        where TFactory : HostedOptions<T>
    {
        services.AddOptions();
        services.TryAddTransient<IOptionsFactory<T>, TFactory>();
        foreach (var step in steps.OfType<Func<T, T>>())
            services.AddSingleton<IConfigureOptions<T>>(new HostedOptions<T>.Change(name, step));
    }

    /// <summary>
    /// Makes those of a server or client. Those without a key are the same that the application gets.
    /// </summary>
    public static T Get<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T>(IServiceProvider provider, string? key)
        where T : LinkOptions =>
        key is null ? provider.GetRequiredService<IOptions<T>>().Value : provider.GetRequiredService<IOptionsFactory<T>>().Create(key);
}
