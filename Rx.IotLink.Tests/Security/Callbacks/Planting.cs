using System.Linq.Expressions;
using System.Reflection;

namespace Rx.IotLink.Tests.Security.Callbacks;

/// <summary>
/// Everything of others that an options record holds, found by reflection: delegates, those of a class that belongs to
/// somebody else, and the members of interfaces, also of those that a delegate gives. One of them can be made to throw.
/// </summary>
internal static class Planting
{
    public const string Secret = "Login failed; Password=hunter2";

    /// <summary>The names of all of them.</summary>
    public static IEnumerable<string> Of(Type options) =>
        from property in options.GetProperties()
        where property.SetMethod is { IsPublic: true }
        from name in NamesOf(property.Name, property.PropertyType)
        select name;

    /// <summary>A copy of the options in which one of them throws.</summary>
    /// <param name="options">The options. What an interface is to do otherwise is in them.</param>
    /// <param name="name">Which one throws.</param>
    /// <param name="thrown">Called when it does.</param>
    public static T Plant<T>(T options, string name, Action thrown)
        where T : LinkOptions
    {
        var copy = (T)typeof(T).GetMethod("<Clone>$")!.Invoke(options, null)!;
        var parts = name.Split('.');
        var property = typeof(T).GetProperty(parts[0])!;
        property.SetValue(copy, Faulty(property.PropertyType, property.GetValue(options), parts.ElementAtOrDefault(1), thrown));
        return copy;
    }

    private static IEnumerable<string> NamesOf(string name, Type type)
    {
        // A list is read once, at the start, and not used later.
        if (type == typeof(string) || type.IsValueType || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyCollection<>)))
            return [];
        if (type.IsSubclassOf(typeof(Delegate)))
            return ResultOf(type) is { IsInterface: true } made ? [name, .. NamesOf(name, made)] : [name];
        return type.IsInterface
            ? MethodsOf(type).Select(method => $"{name}.{method.Name}").Distinct()
            : DelegatesOf(type).Select(property => $"{name}.{property.Name}");
    }

    private static IEnumerable<PropertyInfo> DelegatesOf(Type type) =>
        type.GetProperties().Where(p => p.PropertyType.IsSubclassOf(typeof(Delegate)) && p.SetMethod is { IsPublic: true });

    private static IEnumerable<MethodInfo> MethodsOf(Type type) => type.GetInterfaces().Prepend(type).SelectMany(t => t.GetMethods());

    private static Type ResultOf(Type type) => type.GetMethod("Invoke")!.ReturnType;

    private static object Faulty(Type type, object? real, string? member, Action thrown)
    {
        if (type.IsSubclassOf(typeof(Delegate)))
        {
            return member is null
                ? Throwing(type, thrown)
                : Lambda(type, parameters => Expression.Call(
                    Expression.Constant(new Maker(ResultOf(type), (Delegate)real!, member, thrown)), nameof(Maker.Make), null, Expression.NewArrayInit(typeof(object), parameters.Select(p => Expression.Convert(p, typeof(object))))), ResultOf(type));
        }

        if (type.IsInterface)
            return FaultyProxy.Make(type, real!, member!, thrown);
        // A class with delegates: each test has its own.
        var property = type.GetProperty(member!)!;
        property.SetValue(real, Throwing(property.PropertyType, thrown));
        return real!;
    }

    private static Delegate Throwing(Type type, Action thrown)
    {
        var result = ResultOf(type);
        return Lambda(type, _ => Expression.Block(
            Expression.Invoke(Expression.Constant(thrown)),
            Expression.Throw(Expression.New(typeof(InvalidOperationException).GetConstructor([typeof(string)])!, Expression.Constant(Secret))),
            Expression.Default(result)), result);
    }

    private static Delegate Lambda(Type type, Func<ParameterExpression[], Expression> body, Type result)
    {
        var parameters = type.GetMethod("Invoke")!.GetParameters().Select(p => Expression.Parameter(p.ParameterType)).ToArray();
        var made = body(parameters);
        return Expression.Lambda(type, made.Type == result ? made : Expression.Convert(made, result), parameters).Compile();
    }

    /// <summary>What a delegate makes, with a fault in it.</summary>
    public sealed class Maker(Type type, Delegate real, string member, Action thrown)
    {
        public object Make(object[] arguments) => FaultyProxy.Make(type, real.DynamicInvoke(arguments)!, member, thrown);
    }
}

/// <summary>An implementation of an interface, one member of which throws.</summary>
public class FaultyProxy : DispatchProxy
{
    private object real = null!;
    private string member = "";
    private Action thrown = null!;

    /// <summary>Makes one.</summary>
    public static object Make(Type type, object real, string member, Action thrown)
    {
        var made = (FaultyProxy)Create(type, typeof(FaultyProxy));
        (made.real, made.member, made.thrown) = (real, member, thrown);
        return made;
    }

    /// <inheritdoc/>
    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        if (string.Equals(targetMethod!.Name, member, StringComparison.Ordinal))
        {
            thrown();
            throw new InvalidOperationException(Planting.Secret);
        }

        return targetMethod.Invoke(real, args);
    }
}
