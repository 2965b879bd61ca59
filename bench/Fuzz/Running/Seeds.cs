using System.Globalization;
using System.Text;
using Fuzz.Targets;

namespace Fuzz.Running;

/// <summary>Makes the first inputs, of the conformance vectors and of what was captured of the ancestor.</summary>
internal static class Seeds
{
    /// <summary>Writes the inputs of every target to a folder of its own.</summary>
    public static int Write(string tests, string corpus)
    {
        var count = 0;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(tests, "Protocol2", "Vectors"), "*.txt").Order(StringComparer.Ordinal))
            count += OfVector(corpus, "v2-" + Path.GetFileNameWithoutExtension(file), File.ReadAllLines(file));
        foreach (var file in Directory.EnumerateFiles(Path.Combine(tests, "Protocol", "Captures"), "*.txt").Order(StringComparer.Ordinal))
            count += OfCapture(corpus, "v1-" + Path.GetFileNameWithoutExtension(file), File.ReadAllLines(file));
        return count;
    }

    private static int OfVector(string corpus, string name, string[] lines)
    {
        var isClient = lines.Contains("role client");
        var hasKey = Array.Exists(lines, l => l.StartsWith("key ", StringComparison.Ordinal));
        var played = new List<byte>();
        foreach (var line in lines)
        {
            var (verb, rest) = line.Split(' ', 2) is [var first, var second] ? (first, second) : (line, "");
            switch (verb)
            {
                case "<":
                    Piece(played, Escapes.ToBytes(rest));
                    break;
                case "write":
                    played.Add(Script.Write);
                    break;
                case "besteffort":
                    played.Add(Script.WriteBestEffort);
                    break;
                case "accept":
                    played.AddRange(Enumerable.Repeat(Script.Accept, Math.Min(64, int.Parse(rest, CultureInfo.InvariantCulture))));
                    break;
                case "advance":
                    played.AddRange(Enumerable.Repeat(Script.Pause, Math.Clamp(int.Parse(rest, CultureInfo.InvariantCulture) / 200, 1, 20)));
                    break;
                case "disconnect":
                    played.Add(Script.Break);
                    break;
            }
        }

        // The settings of rooms and whole ends have bits of their own.
        var whole = (byte)(hasKey ? 1 : 0);
        Save(corpus, "lines2", name, (byte)((isClient ? 1 : 0) | (hasKey ? 2 : 0)), played);
        Save(corpus, isClient ? "client" : "server", name, whole, played);
        return 2;
    }

    private static int OfCapture(string corpus, string name, string[] lines)
    {
        var count = 0;
        foreach (var (toServer, side) in new[] { (true, "server"), (false, "client") })
        {
            var (played, withoutId) = (new List<byte>(), new List<byte>());
            var isFirst = false;
            foreach (var parts in lines.Where(l => l[0] != '#').Select(l => l.Split(' ', 4)))
            {
                if (parts[2] == "+" && played.Count > 0)
                    Both(b => b.Add(Script.Break));
                isFirst |= parts[2] == "+";
                if (parts.Length < 4 || parts[2] != (toServer ? ">" : "<"))
                    continue;
                var bytes = Escapes.ToBytes(parts[3]);
                Piece(played, bytes);
                // A protocol target gets the id as a setting; it is the first line of a client.
                Piece(withoutId, isFirst && toServer ? bytes[(Array.IndexOf(bytes, (byte)'\n') + 1)..] : bytes);
                isFirst = false;
                Both(b => b.Add(Script.Accept));
                Both(b => b.Add(Script.Write));
                Both(b => b.Add(Script.Pause));
            }

            Save(corpus, side, name, 2, played);
            Save(corpus, "lines1", $"{name}-{side}", (byte)(toServer ? 0 : 1), withoutId);
            count += 2;

            void Both(Action<List<byte>> add)
            {
                add(played);
                add(withoutId);
            }
        }

        return count;
    }

    private static void Piece(List<byte> played, byte[] bytes)
    {
        if (played.Count > 0 && played[^1] < Script.Cut)
            played.Add(Script.Cut);
        played.AddRange(bytes.Where(b => b < Script.Cut));
    }

    private static void Save(string corpus, string target, string name, byte setting, List<byte> played)
    {
        var folder = Directory.CreateDirectory(Path.Combine(corpus, target)).FullName;
        File.WriteAllBytes(Path.Combine(folder, name), [setting, .. played.Take(1_024)]);
    }
}

/// <summary>Bytes as the vectors and captures write them: <c>\n</c>, <c>\xff</c>, <c>\\</c>.</summary>
internal static class Escapes
{
    public static byte[] ToBytes(string text)
    {
        var bytes = new List<byte>();
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] != '\\')
            {
                var rune = Rune.GetRuneAt(text, at);
                bytes.AddRange(Encoding.UTF8.GetBytes(rune.ToString()));
                at += rune.Utf16SequenceLength - 1;
                continue;
            }

            at++;
            bytes.Add(text[at] switch
            {
                'n' => (byte)'\n',
                'r' => (byte)'\r',
                't' => (byte)'\t',
                'x' => byte.Parse(text.AsSpan(at + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
                var other => (byte)other,
            });
            at += text[at] == 'x' ? 2 : 0;
        }

        return [.. bytes];
    }
}
