using System.CommandLine;

namespace Examples.Common;

/// <summary>Options whose errors are one sentence that names the option, its limits and what was given.</summary>
public static class Choice
{
    /// <summary>A whole number within limits.</summary>
    public static Option<int> Whole(string name, string description, int @default, int least, int most)
    {
        var option = new Option<int>(name) { Description = $"{description} {least} to {most}.", DefaultValueFactory = _ => @default };
        Check(option, least, most);
        return option;
    }

    /// <summary>A whole number within limits, or none.</summary>
    public static Option<int?> Whole(string name, string description, int? @default, int least, int most)
    {
        var option = new Option<int?>(name) { Description = $"{description} {least} to {most}.", DefaultValueFactory = _ => @default };
        Check(option, least, most);
        return option;
    }

    /// <summary>One of a few words; the first is the default.</summary>
    public static Option<string> OneOf(string name, string description, params string[] words)
    {
        var option = new Option<string>(name) { Description = $"{description} One of: {string.Join(", ", words)}.", DefaultValueFactory = _ => words[0] };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !words.Contains(token.Value, StringComparer.Ordinal))
                result.AddError($"{name} must be one of {string.Join(", ", words)}, not '{token.Value}'.");
        });
        return option;
    }

    private static void Check(Option option, int least, int most) => option.Validators.Add(result =>
    {
        if (result.Tokens is [var token] && (!int.TryParse(token.Value, out var value) || value < least || value > most))
            result.AddError($"{option.Name} must be a whole number from {least} to {most}, not '{token.Value}'.");
    });
}
