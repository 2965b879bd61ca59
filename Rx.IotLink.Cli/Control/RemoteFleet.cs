using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace Rx.IotLink.Cli;

/// <summary>A fleet that is served by another process: its control endpoint.</summary>
internal sealed class RemoteFleet : IDisposable
{
    private const int AtOnce = 1_000;
    private const int MaxAnswerBytes = 64 << 20;

    private readonly HttpClient http;

    public RemoteFleet(RemoteSettings settings)
    {
        // A path without a slash at its end would be replaced.
        var url = settings.Url.AbsoluteUri.EndsWith('/') ? settings.Url : new Uri(settings.Url.AbsoluteUri + "/");
        http = new() { BaseAddress = url, MaxResponseContentBufferSize = MaxAnswerBytes, Timeout = TimeSpan.FromMinutes(6) };
        if (AccessToken.Read(settings.TokenFile, settings.Token) is { } token)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    public void Dispose() => http.Dispose();

    /// <summary>All devices, or those of a state or with a part of an id.</summary>
    public async IAsyncEnumerable<JsonElement> ListAsync(string? state, string? search, [EnumeratorCancellation] CancellationToken stop)
    {
        var total = 1;
        for (var offset = 0; offset < total; offset += AtOnce)
        {
            var part = await AskAsync(HttpMethod.Get, $"api/devices?offset={offset}&limit={AtOnce}&state={state}&q={Uri.EscapeDataString(search ?? "")}", null, stop).ConfigureAwait(false);
            total = part.GetProperty("total").GetInt32();
            foreach (var device in part.GetProperty("devices").EnumerateArray())
                yield return device;
        }
    }

    public Task<JsonElement> ShowAsync(string id, CancellationToken stop) => AskAsync(HttpMethod.Get, PathOf(id), null, stop);

    public Task<JsonElement> SendAsync(string id, string line, CancellationToken stop) =>
        AskAsync(HttpMethod.Post, $"{PathOf(id)}/lines", $$"""{"line":"{{JsonEncodedText.Encode(line)}}"}""", stop);

    public Task<JsonElement> PingAsync(string id, CancellationToken stop) => AskAsync(HttpMethod.Post, $"{PathOf(id)}/ping", null, stop);

    public Task<JsonElement> DisconnectAsync(string id, CancellationToken stop) => AskAsync(HttpMethod.Post, $"{PathOf(id)}/disconnect", null, stop);

    public Task<JsonElement> RevokeAsync(string id, CancellationToken stop) => AskAsync(HttpMethod.Delete, $"{PathOf(id)}/keys", null, stop);

    public Task<JsonElement> ForgetAsync(string id, CancellationToken stop) => AskAsync(HttpMethod.Delete, PathOf(id), null, stop);

    /// <summary>Events, each with its name, until the server ends them, which is an error.</summary>
    /// <exception cref="RemoteException">The server refused, or has ended them.</exception>
    public async IAsyncEnumerable<(string Name, JsonElement Data)> ListenAsync(string path, [EnumeratorCancellation] CancellationToken stop)
    {
        using var response = await TellAsync(() => http.GetAsync(new Uri(path, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, stop), stop).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
            throw await RefusalAsync(response, stop).ConfigureAwait(false);
        var stream = await response.Content.ReadAsStreamAsync(stop).ConfigureAwait(false);
        await using var open = stream.ConfigureAwait(false);
        var items = SseParser.Create(stream, (_, data) => JsonElement.Parse(data)).EnumerateAsync(stop).GetAsyncEnumerator(stop);
        await using var reading = items.ConfigureAwait(false);
        while (await TellAsync(async () => await items.MoveNextAsync().ConfigureAwait(false), stop).ConfigureAwait(false))
            yield return (items.Current.EventType, items.Current.Data);
        throw new RemoteException($"{http.BaseAddress} has ended the events.");
    }

    private static string PathOf(string id) => $"api/devices/{Uri.EscapeDataString(id)}";

    /// <summary>One request; an empty object if the answer is empty.</summary>
    /// <exception cref="RemoteException">There was no answer, or it says what is wrong.</exception>
    private async Task<JsonElement> AskAsync(HttpMethod method, string path, string? json, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (json is not null)
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        return await TellAsync(async () =>
        {
            using var response = await http.SendAsync(request, stop).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
                throw await RefusalAsync(response, stop).ConfigureAwait(false);
            var text = await response.Content.ReadAsStringAsync(stop).ConfigureAwait(false);
            return JsonElement.Parse(text.Length == 0 ? "{}" : text);
        }, stop).ConfigureAwait(false);
    }

    /// <summary>The answer of a server that refuses says why.</summary>
    private async Task<RemoteException> RefusalAsync(HttpResponseMessage response, CancellationToken stop)
    {
        var text = await response.Content.ReadAsStringAsync(stop).ConfigureAwait(false);
        var body = JsonElement.Parse(text.Length == 0 ? "{}" : text);
        var detail = body.TryGetProperty("detail", out var told) ? told.GetString() : body.TryGetProperty("title", out var title) ? title.GetString() : null;
        return new RemoteException(detail ?? $"{http.BaseAddress} answered {(int)response.StatusCode}.");
    }

    /// <summary>Whatever goes wrong on the way is one sentence.</summary>
    private async Task<T> TellAsync<T>(Func<Task<T>> ask, CancellationToken stop)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new RemoteException($"{http.BaseAddress} gave an answer that is not that of a control endpoint.");
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException || (exception is TaskCanceledException && !stop.IsCancellationRequested))
        {
            throw new RemoteException($"{http.BaseAddress} does not answer: {exception.Message}");
        }
    }
}

/// <summary>The control endpoint refused, or did not answer.</summary>
internal sealed class RemoteException(string sentence) : Exception(sentence);
