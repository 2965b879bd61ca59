using System.Net.Http.Headers;
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
    public async IAsyncEnumerable<JsonElement> ListAsync(string? state, string? search, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
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

    public Task<JsonElement> ForgetAsync(string id, CancellationToken stop) => AskAsync(HttpMethod.Delete, PathOf(id), null, stop);

    private static string PathOf(string id) => $"api/devices/{Uri.EscapeDataString(id)}";

    /// <summary>One request; an empty object if the answer is empty.</summary>
    /// <exception cref="RemoteException">There was no answer, or it says what is wrong.</exception>
    private async Task<JsonElement> AskAsync(HttpMethod method, string path, string? json, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (json is not null)
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        try
        {
            using var response = await http.SendAsync(request, stop).ConfigureAwait(false);
            var text = await response.Content.ReadAsStringAsync(stop).ConfigureAwait(false);
            var body = text.Length == 0 ? JsonElement.Parse("{}") : JsonElement.Parse(text);
            if (response.IsSuccessStatusCode)
                return body;
            var detail = body.TryGetProperty("detail", out var told) ? told.GetString() : body.TryGetProperty("title", out var title) ? title.GetString() : null;
            throw new RemoteException(detail ?? $"{http.BaseAddress} answered {(int)response.StatusCode}.");
        }
        catch (HttpRequestException exception)
        {
            throw new RemoteException($"{http.BaseAddress} does not answer: {exception.Message}");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new RemoteException($"{http.BaseAddress} gave an answer that is not that of a control endpoint.");
        }
        catch (TaskCanceledException exception) when (!stop.IsCancellationRequested)
        {
            throw new RemoteException($"{http.BaseAddress} does not answer: {exception.Message}");
        }
    }
}

/// <summary>The control endpoint refused, or did not answer.</summary>
internal sealed class RemoteException(string sentence) : Exception(sentence);
