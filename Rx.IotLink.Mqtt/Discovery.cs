using System.Globalization;
using System.Text;
using System.Text.Json;
using MQTTnet.Packets;

namespace Rx.IotLink.Mqtt;

/// <summary>
/// Descriptions for Home Assistant: each member of a device's JSON lines is a sensor. Described once, in a retained
/// message, when the member comes first.
/// </summary>
/// <param name="prefix">Where Home Assistant looks.</param>
/// <param name="topics">The topics of the fleet.</param>
internal sealed class Discovery(string prefix, Topics topics)
{
    /// <summary>Of one device: what else comes is not described.</summary>
    private const int MostMembers = 32;

    private const int MostNameLength = 64;

    private readonly Lock gate = new();
    private readonly Dictionary<string, HashSet<string>> described = new(StringComparer.Ordinal);

    /// <summary>The descriptions that a line asks for, as retained messages.</summary>
    public IReadOnlyList<MqttPublishPacket> Of(ReceivedLine line)
    {
        var members = MembersOf(line.Utf8.Span);
        if (members.Count == 0)
            return [];
        List<(string Name, bool IsNumber)> added = [];
        lock (gate)
        {
            if (!described.TryGetValue(line.DeviceId, out var known))
                described.Add(line.DeviceId, known = new(StringComparer.Ordinal));
            foreach (var member in members)
            {
                if (known.Count < MostMembers && known.Add(member.Name))
                    added.Add(member);
            }
        }

        return [.. added.Select(member => Uplink.Retained(TopicOf(line.DeviceId, member.Name), Describe(line.DeviceId, member.Name, member.IsNumber)))];
    }

    /// <summary>Describes everything again when it comes again: the broker may have lost it.</summary>
    public void Forget()
    {
        lock (gate)
            described.Clear();
    }

    /// <summary>A device is forgotten; gives the topics of its descriptions.</summary>
    public IReadOnlyList<string> Forget(string id)
    {
        lock (gate)
            return described.Remove(id, out var known) ? [.. known.Select(name => TopicOf(id, name))] : [];
    }

    private string TopicOf(string id, string member) => $"{prefix}/sensor/{ObjectId(id)}/{member}/config";

    private string Describe(string id, string member, bool isNumber)
    {
        var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("name", member);
            json.WriteString("unique_id", $"{ObjectId(id)}_{member}");
            json.WriteString("state_topic", topics.Up(id));
            // A line without this member, or one that is no JSON, changes nothing.
            json.WriteString("value_template", $"{{{{ value_json.{member} if value_json is mapping and '{member}' in value_json else this.state }}}}");
            if (isNumber)
                json.WriteString("state_class", "measurement");
            json.WriteString("availability_mode", "all");
            json.WriteStartArray("availability");
            foreach (var topic in (string[])[topics.OfGateway, topics.State(id)])
            {
                json.WriteStartObject();
                json.WriteString("topic", topic);
                json.WriteString("payload_available", Uplink.StateUp);
                json.WriteString("payload_not_available", Uplink.StateDown);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartObject("device");
            json.WriteStartArray("identifiers");
            json.WriteStringValue(ObjectId(id));
            json.WriteEndArray();
            json.WriteString("name", id);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }

    /// <summary>An id in what Home Assistant takes: letters, digits and _; other bytes as _XX.</summary>
    internal static string ObjectId(string id)
    {
        var text = new StringBuilder("iotlink_");
        foreach (var one in Encoding.UTF8.GetBytes(id))
            _ = char.IsAsciiLetterOrDigit((char)one) || one == '-' ? text.Append((char)one) : text.Append(CultureInfo.InvariantCulture, $"_{one:X2}");
        return text.ToString();
    }

    /// <summary>
    /// The members of an object that are numbers, texts or truth values, and whose names are words: others could get
    /// into a template as code.
    /// </summary>
    private static List<(string Name, bool IsNumber)> MembersOf(ReadOnlySpan<byte> utf8)
    {
        List<(string, bool)> members = [];
        if (utf8.IsEmpty || utf8[0] != '{')
            return members;
        try
        {
            var reader = new Utf8JsonReader(utf8);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.ValueSpan.Length <= MostNameLength && !reader.ValueIsEscaped ? reader.GetString()! : "";
                reader.Read();
                if (IsWord(name) && reader.TokenType is JsonTokenType.Number or JsonTokenType.String or JsonTokenType.True or JsonTokenType.False && members.Count < MostMembers)
                    members.Add((name, reader.TokenType == JsonTokenType.Number));
                reader.Skip();
            }

            // What follows must be JSON too.
            while (reader.Read())
            {
            }

            return members;
        }
        catch (JsonException)
        {
            return [];
        }
    }

    private static bool IsWord(string name) =>
        name.Length > 0 && (char.IsAsciiLetter(name[0]) || name[0] == '_') && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');
}
