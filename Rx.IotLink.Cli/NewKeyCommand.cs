namespace Rx.IotLink.Cli;

/// <summary><c>iotlink key new</c>: a line of a key file.</summary>
internal static class NewKeyCommand
{
    /// <summary>What is wrong with an id that is to stand in a key file, as the rest of a sentence, or null.</summary>
    public static string? Fault(string id)
    {
        if (DeviceId.Fault(id) is { } fault)
            return fault;
        if (id[0] == '#')
            return "begins with #, which makes a line of a key file a comment";
        return id.Trim().Length < id.Length ? "begins or ends with a blank, which a key file does not keep" : null;
    }

    public static async Task<int> RunAsync(string id, TextWriter lines, Output output)
    {
        await lines.WriteAsync($"{id} {DeviceKeys.NewKey()}\n").ConfigureAwait(false);
        PrivateFile.WarnIfOutputIsShared(output);
        return ExitCode.Delivered;
    }
}
