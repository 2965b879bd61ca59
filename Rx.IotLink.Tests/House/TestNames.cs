using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Rx.IotLink.Tests.House;

/// <summary>
/// Names of tests in documents: <c>`Folder.ClassTests.Method`</c>, where folder and method may be left out.
/// </summary>
internal static partial class TestNames
{
    private static readonly Type[] Classes = [.. typeof(TestNames).Assembly.GetTypes().Where(t => t.Name.EndsWith("Tests", StringComparison.Ordinal))];

    public static IEnumerable<string> In(string text) => TestName().Matches(text).Select(m => m.Groups["name"].Value);

    public static bool Exists(string name) => Classes.Any(c => IsNamed(c, name));

    /// <summary>A name is a class, perhaps with the end of its namespace, and perhaps with a method.</summary>
    private static bool IsNamed(Type type, string name)
    {
        var at = name.IndexOf("Tests", StringComparison.Ordinal) + "Tests".Length;
        var (of, method) = (name[..at], name[at..].TrimStart('.'));
        return $".{type.FullName}".EndsWith($".{of}", StringComparison.Ordinal)
            && (method.Length == 0 ? type.GetMethods().Any(IsTest) : type.GetMethods().Any(m => IsTest(m) && m.Name == method));
    }

    private static bool IsTest(System.Reflection.MethodInfo method) =>
        method.GetCustomAttributes(inherit: true).Any(a => a is TestAttribute or TestCaseAttribute or TestCaseSourceAttribute);

    [GeneratedRegex("`(?<name>[A-Za-z0-9.]*Tests(\\.[A-Za-z0-9_]+)?)`", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex TestName();
}
