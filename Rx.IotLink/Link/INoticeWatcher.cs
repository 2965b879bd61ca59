namespace Rx.IotLink;

/// <summary>Observes the notices of a link, if there are any. A link without notices costs no subscription.</summary>
internal interface INoticeWatcher
{
    /// <summary>Subscribes, and does nothing else. Called once, under the lock of the link.</summary>
    void Watch(Broadcast<LinkNotice> notices);
}
